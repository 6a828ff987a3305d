"""The promises about clicks, where a policy says who may do what."""

import asyncio
from dataclasses import replace

import pytest

from receiver.domain.action import ActionKind
from receiver.domain.incident import Placement
from receiver.domain.person import Actor
from receiver.domain.policy import Access, Permission, Policy, Rule
from receiver.domain.proposal import Found
from receiver.domain.reason import ActionReason
from receiver.domain.request import APPROVAL_LIFE
from receiver.domain.silence import SilenceState
from receiver.domain.silencing import Conclusion
from receiver.store.base import Deeds, Snapshot, Store
from tests.domain.made import HOUR, NOW, TARGET, WANG, notice
from tests.store.engines import Engine
from tests.store.made import N1, N2, card_of, click, group, open_one

ONLY_WANG = Access(Policy((Rule(who=("ou_wang",), may=frozenset(Permission)),)))
ALWAYS = Access(Policy((Rule(who=("all",), may=frozenset(Permission), broad=0),)))
BROAD = Access(Policy((Rule(who=("all",), may=frozenset(Permission), broad=1),)))
SHORT = Access(Policy((Rule(who=("all",), may=frozenset(Permission), longest=HOUR // 2),)))


async def known(store: Store) -> Snapshot:
    """Return the incident."""
    found = await store.snapshot(1)
    assert found is not None
    return found


async def _prepare(store: Store, kind: ActionKind) -> None:
    """Bring about what a click of this kind needs."""
    if kind is ActionKind.UNACKNOWLEDGE:
        await store.act(click(ActionKind.ACKNOWLEDGE, "a9"), NOW)
    if kind in (ActionKind.CONFIRM_SILENCE, ActionKind.CANCEL):
        scope = (await known(store)).members[0].fingerprint
        looked = replace(click(ActionKind.PREVIEW, "a9"), scope=scope, found=Found(1))
        await store.act(looked, NOW)
    if kind in (ActionKind.APPROVE, ActionKind.DECLINE):
        scope = (await known(store)).members[0].fingerprint
        await store.act(
            replace(click(ActionKind.SILENCE, "a9"), scope=scope, actor=WANG), NOW, ALWAYS
        )
    if kind is ActionKind.RESILENCE:
        told = Conclusion(incident=1, silence="a0", state=SilenceState.EXPIRED)
        await store.conclude(told, NOW)


class Policies:
    """A refusal changes nothing but the timeline, and is as final as any other answer."""

    @pytest.mark.parametrize("kind", ActionKind)
    async def test_a_refused_click_leaves_a_line_alone(
        self, store: Store, kind: ActionKind
    ) -> None:
        """Whatever the click, nothing is changed and Alertmanager is asked for nothing."""
        places = (Placement(TARGET, escalation="database"),)
        await open_one(store, notice(N1)._replace(placements=places))
        await store.act(click(ActionKind.SILENCE, "a0"), NOW)
        told = Conclusion(incident=1, silence="a0", state=SilenceState.ACTIVE, silence_id="s-0")
        await store.conclude(told, NOW)
        await _prepare(store, kind)
        before, lines = await known(store), await store.timeline(1)
        waits = (before.incident.proposal, *before.incident.requests)
        about = next((one.id for one in waits if one is not None), "a0")
        asked = replace(
            click(kind),
            scope=before.members[0].fingerprint,
            found=Found(1),
            silence=about,
            to=WANG,
            comment="why",
        )
        acted = await store.act(asked, NOW, ONLY_WANG)
        assert acted.verdict.reason is ActionReason.NOT_PERMITTED
        assert await known(store) == before
        assert await store.intents() == []
        *others, line = await store.timeline(1)
        assert others == lines
        assert (line.kind, line.actor) == ("refused", "Li")
        assert line.detail == f"{kind}: not_permitted"

    async def test_6_a_refused_click_stays_refused(self, engine: Engine) -> None:
        """Rules that change later do not bring an old click to life."""
        store = engine.open()
        await open_one(store)
        action = click(ActionKind.ACKNOWLEDGE)
        acted = await asyncio.gather(*(store.act(action, NOW, ONLY_WANG) for _ in range(16)))
        reasons = sorted(one.verdict.reason for one in acted)
        assert reasons == ["not_permitted"] + ["repeated"] * 15
        await store.close()
        again = engine.open()
        assert (await again.act(action, NOW)).verdict.reason is ActionReason.REPEATED
        assert (await known(again)).incident.ack is None
        assert [line.kind for line in await again.timeline(1)] == ["first", "refused"]
        await again.close()

    async def test_what_is_permitted_is_done(self, store: Store) -> None:
        """The rules are asked of the person who clicks."""
        await open_one(store)
        action = click(ActionKind.ACKNOWLEDGE)
        wang = replace(action, actor=replace(action.actor, open_id="ou_wang"))
        assert (await store.act(wang, NOW, ONLY_WANG)).verdict.reason is ActionReason.DONE

    async def test_a_silence_that_is_too_long_is_not_asked_for(self, store: Store) -> None:
        """What is refused by its length leaves no intent behind."""
        await open_one(store)
        acted = await store.act(click(ActionKind.SILENCE), NOW, SHORT)
        assert acted.verdict.reason is ActionReason.TOO_LONG
        assert (await known(store)).incident.silences == ()
        assert await store.intents() == []

    async def test_what_would_change_nothing_needs_no_permission(self, store: Store) -> None:
        """Who comes second is told who came first, permitted or not."""
        await open_one(store)
        await store.act(click(ActionKind.ACKNOWLEDGE, "a0"), NOW)
        acted = await store.act(click(ActionKind.ACKNOWLEDGE), NOW, ONLY_WANG)
        assert acted.verdict.reason is ActionReason.ALREADY_ACKNOWLEDGED

    async def test_10_each_click_leaves_a_line(self, store: Store) -> None:
        """Whatever became of it: who, where, and with which result; but one that is repeated."""
        await open_one(store)
        first = replace(click(ActionKind.ACKNOWLEDGE), place="ops:oc_1")
        second = replace(click(ActionKind.ACKNOWLEDGE, "a2"), place="ops:oc_1")
        for action in (first, second, first):
            await store.act(action, NOW)
        lines = [(deed.entry.kind, *deed.entry[3:]) for deed in await store.audit(Deeds(), 0, 9)]
        assert lines == [
            ("acknowledge", "Li", "", "", "ou_li", "ops:oc_1", "done"),
            ("click", "Li", "", "", "ou_li", "ops:oc_1", "already_acknowledged"),
        ]

    async def test_10_a_silences_end_leads_back_to_who_asked(self, store: Store) -> None:
        """Person, place and trace are those of the click, whoever concludes."""
        await open_one(store)
        asked = replace(click(ActionKind.SILENCE), place="ops:oc_1", trace="t-1")
        await store.act(asked, NOW)
        told = Conclusion(incident=1, silence="a1", state=SilenceState.ACTIVE, silence_id="s-1")
        await store.conclude(told, NOW + 1)
        await store.lapse(NOW + 9 * HOUR)
        lines = [deed.entry for deed in await store.audit(Deeds(), 0, 9)]
        kinds = ["silence_requested", "silence_active", "silence_expired"]
        assert [line.kind for line in lines] == kinds
        assert [line.result for line in lines] == ["requested", "active", "expired"]
        for line in lines:
            assert (line.actor, line.open_id, line.place) == ("Li", "ou_li", "ops:oc_1")
            assert line.trace == "t-1"

    async def test_a_broad_silence_waits_for_a_second_person(self, engine: Engine) -> None:
        """It is durable, asks Alertmanager for nothing, and is made once, by someone else."""
        store = engine.open()
        await open_one(store, notice(N1, N2))
        asked = await store.act(click(ActionKind.SILENCE), NOW, BROAD)
        assert asked.verdict.reason is ActionReason.AWAITS_APPROVAL
        assert await store.intents() == []
        await store.close()
        again = engine.open()
        (request,) = (await known(again)).incident.requests
        assert (request.id, request.muting) == ("a1", 2)
        own = replace(click(ActionKind.APPROVE, "a2"), silence="a1")
        assert (await again.act(own, NOW, BROAD)).verdict.reason is ActionReason.OWN_REQUEST
        wang = Actor(open_id="ou_wang", name="Wang")
        yes = [replace(own, id=f"b{number}", actor=wang) for number in range(8)]
        acted = await asyncio.gather(*(again.act(action, NOW, BROAD) for action in yes))
        reasons = sorted(one.verdict.reason for one in acted)
        assert reasons == ["nothing_asked"] * 7 + ["requested"]
        ((_, silence),) = await again.intents()
        assert (silence.id, silence.actor.name) == ("a1", "Li")
        told = [(deed.entry.kind, deed.entry.actor) for deed in await again.audit(Deeds(), 0, 4)]
        assert told == [
            ("approval_requested", "Li"),
            ("refused", "Li"),
            ("approved", "Wang"),
            ("click", "Wang"),
        ]
        await again.close()

    async def test_what_nobody_approves_lapses(self, store: Store) -> None:
        """The clock is told when, and the card is raised."""
        await open_one(store, notice(N1, N2))
        await store.act(click(ActionKind.SILENCE), NOW, BROAD)
        until = NOW + APPROVAL_LIFE
        assert await store.lapse(NOW) == (0, until)
        before = (await card_of(store)).wanted
        assert await store.lapse(until) == (1, None)
        assert (await card_of(store)).wanted == before + 1
        assert (await known(store)).incident.requests == ()

    async def test_alerts_of_other_incidents_count(self, store: Store) -> None:
        """What a silence mutes is counted over all that its source reports, each alert once."""
        await open_one(store, notice(N1))
        await open_one(store, group(2, notice(N1, N2)))
        await open_one(store, group(3, notice(N2))._replace(source="other"))
        acted = await store.act(click(ActionKind.SILENCE), NOW, BROAD)
        assert acted.verdict.reason is ActionReason.AWAITS_APPROVAL
        (request,) = (await known(store)).incident.requests
        assert request.muting == 2
