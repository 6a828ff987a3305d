"""Random histories of an Alertmanager against random clicks: in the end each card is the truth."""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from receiver.domain.action import Action, ActionKind
from receiver.domain.card import picture
from receiver.domain.matcher import equal
from receiver.domain.reason import State
from receiver.domain.reconcile import STALE_AFTER, TruthRules
from receiver.domain.silence import Silence, SilenceState
from receiver.domain.silencing import Conclusion
from receiver.domain.truth import WARM_UP, SeenSilence, Truth
from receiver.store.base import Snapshot
from receiver.store.sqlite import SqliteStore
from tests.domain.made import HOUR, LI, MINUTE, NOW, SECOND, WANG
from tests.reconcile.model import Model, key_of
from tests.store.engines import SqliteEngine
from tests.store.made import RULES

NAMES = ("n1", "n2", "n3", "n4")
TEAMS = ("a", "b")  # groups of the first route
PERIOD = 30 * SECOND
WAITS = (1, 5 * SECOND, PERIOD, 2 * MINUTE, WARM_UP, 40 * MINUTE)


class History(RuleBasedStateMachine):
    """What may happen between a source, its receiver and people."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        shared = Path("/dev/shm")  # noqa: S108  (a folder of its own is made in it)
        self.folder = Path(tempfile.mkdtemp(dir=shared if shared.is_dir() else None))
        self.model = Model(NOW, NOW - HOUR)
        self.answered_at = NOW
        self.clicks = 0
        self.made = 0
        self.closed: dict[int, int] = {}
        self.store: SqliteStore

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Let the store work."""
        return self.runner.run(work)

    @initialize()
    def begin(self) -> None:
        """Open a store."""
        self.run(self._begin())

    async def _begin(self) -> None:
        self.store = SqliteEngine(path=self.folder / "receiver.db").open()

    # What the source's world does.

    @rule(
        team=st.sampled_from(TEAMS),
        names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True),
    )
    def fire(self, team: str, names: list[str]) -> None:
        """Let alerts fire."""
        for name in names:
            self.model.firing[team, name] = self.model.alert(team, name)
        self.flush()

    @rule(team=st.sampled_from(TEAMS), name=st.sampled_from(NAMES), told=st.booleans())
    def resolve(self, team: str, name: str, *, told: bool) -> None:
        """Let an alert end; where it fires again before the next flush, nobody is told."""
        self.model.firing.pop((team, name), None)
        if told:
            self.flush()

    @rule(team=st.sampled_from(TEAMS), length=st.sampled_from((5 * SECOND, 2 * MINUTE, HOUR)))
    def silence(self, team: str, length: int) -> None:
        """Silence a team in another tool."""
        self.made += 1
        matchers = (equal("team", team),)
        self._silence(f"x{self.made}", matchers, self.model.now + length)
        self.flush()

    def _silence(self, one: str, matchers: tuple[Any, ...], ends: int, action: str = "") -> None:
        seen = SeenSilence(one, "active", matchers, self.model.now, ends, "bob", "", action)
        self.model.silences[one] = seen

    @rule(back=st.integers(0, 3))
    def expire(self, back: int) -> None:
        """End a silence early, whosever it is."""
        live = [one for one in self.model.listed() if one.state == "active"]
        if live:
            one = live[-1 - back % len(live)]
            self.model.silences[one.id] = one._replace(state="expired", ends_at=self.model.now)
        self.flush()

    @rule(back=st.integers(0, 3), length=st.sampled_from((MINUTE, HOUR)), anew=st.booleans())
    def extend(self, back: int, length: int, *, anew: bool) -> None:
        """Let a silence end at another time; it may get another id."""
        live = [one for one in self.model.listed() if one.state == "active"]
        if not live:
            return
        one = live[-1 - back % len(live)]
        ends = self.model.now + length
        if anew:
            self.made += 1
            self.model.silences[one.id] = one._replace(state="expired", ends_at=self.model.now)
            self._silence(f"x{self.made}", one.matchers, ends, one.action)
        else:
            self.model.silences[one.id] = one._replace(ends_at=ends)
        self.flush()

    @rule(on=st.booleans())
    def inhibit(self, *, on: bool) -> None:
        """Inhibit a team's alerts, or not."""
        self.model.inhibited = on
        self.flush()

    @rule(on=st.booleans())
    def cut(self, *, on: bool) -> None:
        """Set max_alerts."""
        self.model.cut = on
        self.flush()

    @rule()
    def reroute(self) -> None:
        """Change how alerts are grouped: all are notified again as first."""
        self.model.regrouped = not self.model.regrouped
        self.model.told.clear()
        self.flush()

    @rule(again=st.booleans())
    def restart(self, *, again: bool) -> None:
        """Forget all alerts; their sender tells them again within its time, or they are over."""
        self.model.began = self.model.now
        kept, self.model.firing = dict(self.model.firing), {}
        self.ask()  # an answer from before anybody told it again
        if again:
            self.model.now += MINUTE
            self.model.firing = kept
            self.flush()

    @rule(on=st.booleans())
    def reach(self, *, on: bool) -> None:
        """Cut the API off, or not; webhooks still come."""
        self.model.reachable = on

    def flush(self) -> None:
        """Deliver what is to be notified."""
        for body in self.model.bodies():
            self.run(self.store.apply(body, RULES, self.model.now))

    # What people and time do.

    @rule(
        back=st.integers(0, 5),
        kind=st.sampled_from(
            (
                ActionKind.ACKNOWLEDGE,
                ActionKind.UNACKNOWLEDGE,
                ActionKind.RESOLVE,
                ActionKind.SILENCE,
                ActionKind.UNSILENCE,
            )
        ),
        who=st.sampled_from((LI, WANG)),
        confirmed=st.booleans(),
    )
    def click(self, back: int, kind: ActionKind, who: Any, *, confirmed: bool) -> None:
        """Use a control of a card, old ones too."""
        self.run(self._click(back, kind, who, confirmed=confirmed))

    @rule(
        team=st.sampled_from(TEAMS),
        change=st.sampled_from(("expire", "extend", "replace")),
        confirmed=st.booleans(),
    )
    def meddle(self, team: str, change: str, *, confirmed: bool) -> None:
        """Silence what fires from the card, and change that silence in another tool."""
        self.fire(team, ["n1"])
        self.model.now += 1
        self.run(self._click(0, ActionKind.SILENCE, LI, confirmed=confirmed))
        self.model.now += 1
        if change == "expire":
            self.expire(0)
        else:
            self.extend(0, HOUR, anew=change == "replace")

    async def _click(self, back: int, kind: ActionKind, who: Any, *, confirmed: bool) -> None:
        known = await self.store.incidents(0, 100)
        if not known:
            return
        incident = known[back % len(known)]
        self.clicks += 1
        action = Action(
            id=f"a{self.clicks}",
            kind=kind,
            incident=incident.id,
            actor=who,
            at=self.model.now,
            duration="30m",
        )
        acted = await self.store.act(action, self.model.now)
        for one in acted.verdict.silences:
            await self._drive(incident.id, one, confirmed=confirmed)

    async def _drive(self, incident: int, one: Silence, *, confirmed: bool) -> None:
        """Make at the source what was asked for; its answer may be lost and never come."""
        if one.state is SilenceState.EXPIRING:
            found = self.model.silences.get(one.silence_id)
            if found is not None and found.state == "active":
                ended = found._replace(state="expired", ends_at=self.model.now)
                self.model.silences[found.id] = ended
            state = SilenceState.EXPIRED
        else:
            matchers = tuple(equal(*pair) for pair in one.matchers)
            self._silence(f"s-{one.id}", matchers, one.ends_at, one.id)
            state = SilenceState.ACTIVE if confirmed else SilenceState.FAILED
        told = Conclusion(
            incident=incident,
            silence=one.id,
            state=state,
            silence_id=f"s-{one.id}" if state is SilenceState.ACTIVE else "",
            problem="" if confirmed else "no answer",
        )
        await self.store.conclude(told, self.model.now)

    @rule(wait=st.sampled_from(WAITS))
    def wait(self, wait: int) -> None:
        """Let time pass, and whatever is due happen."""
        self.model.now += wait
        self.run(self.store.lapse(self.model.now))
        self.flush()

    @rule(late=st.sampled_from((0, 1, 5 * SECOND)))
    def ask(self, late: int = 0) -> None:
        """Ask for the truth, which is this old when it is applied."""
        self.run(self._ask(late))

    async def _ask(self, late: int = 0) -> None:
        told = self.model.truth()
        if isinstance(told, Truth):
            self.answered_at = self.model.now
        self.model.now += late
        rules = TruthRules(answered_at=self.answered_at)
        await self.store.reconcile("prod", told, rules, self.model.now)

    @rule(team=st.sampled_from(TEAMS), name=st.sampled_from(NAMES))
    def overtake(self, team: str, name: str) -> None:
        """Let a body come while an answer is on its way that knows nothing of its alert."""
        told = self.model.truth()
        self.model.now += 1
        before = self.run(self._firing())
        self.fire(team, [name])
        one = self.model.firing[team, name]
        # Where it had ended and nobody was told, no body says that it fires again either.
        loud = one.fingerprint in self.run(self._firing()) - before
        self.model.now += 1
        if isinstance(told, Truth):
            self.answered_at = told.at
            self.run(self.store.reconcile("prod", told, TruthRules(), self.model.now))
            assert (one.fingerprint in self.run(self._firing())) or not loud

    async def _firing(self) -> set[str]:
        """Return all that the open cards show as firing."""
        return {
            member.fingerprint
            for one in await self._open()
            for member in one.members
            if member.firing
        }

    @rule()
    def reopen(self) -> None:
        """Start the store anew."""
        self.run(self._reopen())

    async def _reopen(self) -> None:
        await self.store.close()
        await self._begin()

    # What always holds.

    @invariant()
    def holds(self) -> None:
        """Hold the conservation of units, and that nothing but a firing alert re-opens."""
        if hasattr(self, "store"):
            self.run(self._holds())

    async def _holds(self) -> None:
        assert await self.store.selfcheck() == ()
        for incident in await self.store.incidents(0, 100):
            if incident.closed_at is None and incident.id in self.closed:
                assert incident.reopened + incident.flapping > self.closed.pop(incident.id)
            elif incident.closed_at is not None:
                self.closed[incident.id] = incident.reopened + incident.flapping

    def teardown(self) -> None:
        """Let all be reachable and quiet for one period: then each card is the truth."""
        try:
            if hasattr(self, "store"):
                self.run(self._end())
                self.run(self.store.close())
        finally:
            self.runner.close()
            shutil.rmtree(self.folder)

    async def _end(self) -> None:
        model = self.model
        if not model.reachable:
            model.now = max(model.now, self.answered_at + STALE_AFTER)
            await self._ask()
            for one in await self._open():
                assert one.incident.stale_since
        model.reachable = True
        model.now = max(model.now, model.began + WARM_UP)
        for step in (1, PERIOD):  # what superseded ones hand over, their heirs show next
            model.now += step
            await self.store.lapse(model.now)
            for body in model.bodies():
                await self.store.apply(body, RULES, model.now)
            model.now += 1
            await self._ask()
        for one in await self._open():
            self._is_the_truth(one)
        await self._nothing_is_missing()
        await self._nobody_is_twice()

    async def _open(self) -> list[Snapshot]:
        found = [
            await self.store.snapshot(incident.id)
            for incident in await self.store.incidents(0, 200)
            if incident.closed_at is None
        ]
        return [one for one in found if one is not None]

    def _is_the_truth(self, one: Snapshot) -> None:
        """Compare a card with the model."""
        model = self.model
        fires = {alert.fingerprint: alert for alert in model.firing.values()}
        shown = picture(one.incident, one.members)
        firing = [member for member in one.members if member.firing]
        assert {member.fingerprint for member in firing} <= fires.keys()
        assert not [m for m in one.members if not m.firing and m.fingerprint in fires]
        muted = sum(model.muted(fires[member.fingerprint]) for member in firing)
        assert firing, one
        assert (shown.firing, shown.muted) == (len(firing), muted), one
        assert (shown.state is State.SUPPRESSED) == (muted == len(firing))
        assert not shown.stale
        live = {each.id for each in model.listed() if each.state == "active"}
        for own in one.incident.silences:
            assert own.state is not SilenceState.ACTIVE or own.silence_id in live, own

    async def _nothing_is_missing(self) -> None:
        """Find each alert that the source notified of on an open card."""
        loud = {one.fingerprint for one in self.model.firing.values() if not self.model.muted(one)}
        assert loud <= await self._firing()

    async def _nobody_is_twice(self) -> None:
        """Find no open card whose group is gone, where others hold all its alerts."""
        open_ = await self._open()
        held = {
            one.incident.id: {member.fingerprint for member in one.members if member.firing}
            for one in open_
        }
        there = {key_of(self.model.group_of(one)) for one in self.model.firing.values()}
        living = [one for one in open_ if key_of(one.incident.group_labels) in there]
        covered = set().union(*(held[one.incident.id] for one in living))
        for one in open_:
            if one not in living:
                assert not held[one.incident.id] <= covered, one.incident


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=50, stateful_step_count=25)


class LongHistory(History):
    """The same, for longer."""


TestLongHistory = pytest.mark.soak(120)(LongHistory.TestCase)
TestLongHistory.settings = settings(
    max_examples=400, stateful_step_count=50, phases=(Phase.generate,)
)
