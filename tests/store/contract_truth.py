"""Promise 14 of a store as tests: a source's truth corrects its open incidents, and no others."""

import asyncio
import sqlite3

import pytest

from receiver.domain.action import ActionKind
from receiver.domain.alert import Alert
from receiver.domain.card import picture
from receiver.domain.incident import Ending, Member, Notice, Placement
from receiver.domain.reason import ActionReason, CardReason, State, TruthReason
from receiver.domain.reconcile import CHANGED_MOST, STALE_AFTER, TruthRules
from receiver.domain.silence import SilenceState
from receiver.domain.silencing import Conclusion
from receiver.domain.truth import Truth, Unanswered
from receiver.store.base import Queue, Snapshot, Store
from receiver.store.rows import load_members
from receiver.store.truths import HANDED_MOST, WEIGHT_MOST
from tests.domain.made import MINUTE, NOW, TARGET, alert, notice
from tests.domain.truths import seen, silence, truth
from tests.store.engines import Engine, SqliteEngine
from tests.store.made import ANY_RANK, N1, N2, RULES, card_of, click, group, open_one, show, take

LATER = NOW + MINUTE
REGROUPED = {"alertname": "Disk", "team": "a"}
SECOND_TARGET = "ops:oc_2"


async def learn(
    store: Store, told: Truth, rules: TruthRules | None = None
) -> dict[TruthReason, int]:
    """Tell the store what the source says."""
    return (await store.reconcile("prod", told, rules or TruthRules(), told.at)).corrected


async def known(store: Store, incident: int = 1) -> Snapshot:
    """Return an incident, which must be there."""
    snapshot = await store.snapshot(incident)
    assert snapshot is not None
    return snapshot


async def _balanced(store: Store) -> None:
    assert await store.selfcheck() == ()


class Truths:
    """Promise 14: what differs from the source's truth is corrected."""

    async def test_14_what_is_gone_is_closed_and_its_card_is_behind(self, store: Store) -> None:
        """An incident that its source reports no more ends, once, and its card must say so."""
        await open_one(store)
        assert await learn(store, truth(LATER)) == {TruthReason.GONE: 1}
        incident = (await known(store)).incident
        assert (incident.closed_at, incident.ending) == (LATER, Ending.GONE)
        assert (await card_of(store)).wanted == incident.revision == 2
        assert [line.kind for line in await store.timeline(1)][-1] == "truth_gone"
        assert await learn(store, truth(LATER + 1)) == {}
        await _balanced(store)

    async def test_14_what_is_as_the_truth_says_is_not_touched(self, store: Store) -> None:
        """Where nothing differs, nothing is written."""
        await open_one(store)
        before = await known(store)
        assert await learn(store, truth(LATER, seen(N1))) == {}
        assert await known(store) == before
        assert len(await store.timeline(1)) == 1

    async def test_14_other_sources_and_what_is_over_are_not_touched(self, store: Store) -> None:
        """A truth is of one source, and of its open incidents."""
        await open_one(store, notice(N1)._replace(source="other"))
        await open_one(store)
        assert await learn(store, truth(LATER)) == {TruthReason.GONE: 1}
        assert (await known(store, 1)).incident.closed_at is None
        assert (await known(store, 2)).incident.closed_at == LATER

    async def test_14_what_comes_while_it_is_applied_is_newer(self, store: Store) -> None:
        """A body between hearing the truth and the look at its incident is not undone by it."""
        await store.apply(notice(N1), RULES, LATER + 1)
        assert await learn(store, truth(LATER)) == {}
        assert (await known(store)).incident.closed_at is None

    async def test_14_an_alert_that_ended_is_free_to_fire_again(self, store: Store) -> None:
        """What the truth closed re-opens by a body as any incident does."""
        await open_one(store)
        await learn(store, truth(LATER))
        await store.apply(notice(N1), RULES, LATER + 1)
        incident = (await known(store)).incident
        assert (incident.closed_at, incident.reopened) == (None, 1)
        assert incident.ending is Ending.RESOLVED
        await _balanced(store)

    async def test_14_resolved_by_the_truth_never_reopens_by_a_click(self, store: Store) -> None:
        """A late click on what the truth closed changes nothing."""
        await open_one(store)
        await learn(store, truth(LATER))
        acted = await store.act(click(ActionKind.ACKNOWLEDGE), LATER + 1)
        assert acted.verdict.reason is ActionReason.RESOLVED_ALREADY
        assert (await known(store)).incident.closed_at == LATER

    async def test_14_what_was_left_out_is_counted_and_placed(self, store: Store) -> None:
        """Alerts that join by the truth are units, in the targets of their routes too."""

        def place(*_: object) -> tuple[Placement, ...]:
            return (Placement(SECOND_TARGET),)

        await open_one(store, notice(N1, truncated=1))
        told = truth(LATER, seen(N1), seen(N2))
        assert await learn(store, told, TruthRules(place=place)) == {TruthReason.COMPLETED: 1}
        assert {card.target for card in await store.cards(1)} == {TARGET, SECOND_TARGET}
        assert (await store.units()).accepted == 3
        await _balanced(store)
        gone = notice(alert("n2", firing=False))._replace(receiver="second")
        await store.apply(gone, RULES, LATER + 1)  # the store knows who holds it
        firing = {one.fingerprint for one in (await known(store)).members if one.firing}
        assert firing == {N1.fingerprint}

    async def test_14_a_new_route_supersedes_the_old_group(self, store: Store) -> None:
        """The old incident is closed, linked, and hands its owner over."""
        await open_one(store)
        await store.act(click(ActionKind.ACKNOWLEDGE), NOW + 1)
        await open_one(store, _regrouped(N1, N2))
        told = truth(LATER, seen(N1), seen(N2))
        groups = (told.groups[0]._replace(labels=REGROUPED),)
        assert await learn(store, told._replace(groups=groups)) == {TruthReason.SUPERSEDED: 1}
        old, heir = (await known(store, 1)).incident, (await known(store, 2)).incident
        assert (old.ending, old.heirs, heir.ancestors) == (Ending.SUPERSEDED, (2,), (1,))
        assert heir.ack is not None
        assert heir.ack.actor.label == "Li"
        assert (await store.timeline(2))[-1].detail == "takes over from #1"
        await show(store, 1, LATER)
        assert (await card_of(store)).last is not None
        await _balanced(store)

    async def test_14_many_groups_become_one_in_short_commits(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Some hand over in one commit, and the alerts of their heir are not all read for each."""
        many = [alert(f"m{number}") for number in range(HANDED_MOST)]
        heir = HANDED_MOST + 1
        read: list[int] = []

        def watched(db: sqlite3.Connection, incident: int) -> dict[str, Member]:
            read.append(incident)
            return load_members(db, incident)

        monkeypatch.setattr("receiver.store.truths.load_members", watched)
        store = engine.open()
        for number, one in enumerate(many, 1):
            await open_one(store, group(number, notice(one)))
        await open_one(store, _regrouped(*many))
        told = truth(LATER, *map(seen, many))
        told = told._replace(groups=(told.groups[0]._replace(labels=REGROUPED),))
        commits = len(engine.groups) if isinstance(engine, SqliteEngine) else 0
        assert await learn(store, told) == {TruthReason.SUPERSEDED: HANDED_MOST}
        if isinstance(engine, SqliteEngine):
            assert len(engine.groups) - commits == 2
        assert read.count(heir) == 1
        await _balanced(store)
        await store.close()

    async def test_14_a_silence_under_way_is_concluded_where_it_went(self, store: Store) -> None:
        """Alertmanager's answer about a silence of a superseded incident reaches its heir."""
        await open_one(store)
        await store.act(click(ActionKind.SILENCE), NOW + 1)
        await open_one(store, _regrouped(N1))
        told = truth(LATER, seen(N1))
        groups = (told.groups[0]._replace(labels=REGROUPED),)
        await learn(store, told._replace(groups=groups))
        answer = Conclusion(incident=1, silence="a1", state=SilenceState.ACTIVE, silence_id="s1")
        await store.conclude(answer, LATER + 1)
        (held,) = (await known(store, 2)).incident.silences
        assert (held.state, held.silence_id) == (SilenceState.ACTIVE, "s1")

    async def test_14_staleness_waits_behind_everything(self, store: Store) -> None:
        """A card that only becomes stale or fresh is last in its queue, and calls nobody."""
        for number in (1, 2):
            await open_one(store, group(number, notice(alert(f"m{number}"))))
            await show(store, number)
        rules = TruthRules(answered_at=NOW)
        later = NOW + STALE_AFTER
        done = await store.reconcile("prod", Unanswered("down"), rules, later)
        assert done.corrected == {TruthReason.STALE: 2}
        await store.apply(group(2, notice(alert("m2"), alert("m3"))), RULES, later + 1)
        dues = await store.due(Queue(TARGET, shown=True), later + 1, 1 << 20, 9)
        assert [due.card for due in dues] == [2, 1]
        assert await store.due(Queue(TARGET, shown=True), later + 1, ANY_RANK, 9) == [dues[0]]
        work = await take(store, 1, later + 1)
        assert getattr(work.step, "reason", None) is CardReason.STALE
        again = truth(later + 2, *(seen(alert(name)) for name in ("m1", "m2", "m3")))
        assert (await learn(store, again))[TruthReason.FRESH] >= 1
        assert (await known(store, 1)).incident.stale_since == 0

    async def test_14_a_foreign_silence_greys_the_card(self, store: Store) -> None:
        """What another tool mutes is kept with who, until when and why."""
        await open_one(store)
        muted = truth(LATER, seen(N1, silenced_by=("x",)), silences=(silence("x"),))
        assert await learn(store, muted) == {TruthReason.SUPPRESSED: 1}
        after = await known(store)
        assert after.incident.outside[0].created_by == "bob"
        assert picture(after.incident, after.members).state is State.SUPPRESSED

    async def test_14_much_is_corrected_in_short_commits(self, engine: Engine) -> None:
        """However many alerts are gone, each commit holds a bounded part of them."""
        store = engine.open()
        many = [alert(f"m{number}") for number in range(CHANGED_MOST + 50)]
        await open_one(store, notice(*many))
        count = 120
        for number in range(count):
            await open_one(store, group(number, notice(alert(f"x{number}"))))
        commits = len(engine.groups) if isinstance(engine, SqliteEngine) else 0
        done = await learn(store, truth(LATER))
        assert done[TruthReason.GONE] == count + 2
        assert not [one for one in await store.incidents(0, 500) if one.closed_at is None]
        if isinstance(engine, SqliteEngine):
            assert len(engine.groups) - commits > count * 5 // WEIGHT_MOST
        assert await store.selfcheck() == ()
        await store.close()
        again = engine.open()
        assert await learn(again, truth(LATER + 1)) == {}
        await again.close()

    async def test_14_what_changed_since_it_was_read_is_decided_once_more(
        self, store: Store
    ) -> None:
        """A body that comes while a truth is being applied wins."""
        for number in range(400):
            await open_one(store, group(number, notice(alert(f"x{number}"))))
        telling = store.apply(group(399, notice(alert("x399"))), RULES, LATER)
        await asyncio.gather(learn(store, truth(LATER)), telling)
        assert (await known(store, 400)).incident.closed_at is None


def _regrouped(*alerts: Alert) -> Notice:
    return notice(*alerts)._replace(group_labels=REGROUPED, group_key="{}:{new}")
