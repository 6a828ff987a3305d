"""The promises about silences that are looked at first, kept alive, or extended."""

from dataclasses import replace

from receiver.domain.action import Action, ActionKind
from receiver.domain.proposal import MARKS_MOST, NAMES_MOST, PROPOSAL_LIFE, Found
from receiver.domain.reason import ActionReason
from receiver.domain.silence import HOUR, KEPT_FOR, LONGEST, RESOLVED, SHARED_SCOPE, SilenceState
from receiver.domain.silencing import Conclusion
from receiver.store.base import Snapshot, Store
from tests.domain.made import MINUTE, NOW, SECOND, alert, notice
from tests.store.contract_storm import press, storm
from tests.store.made import GONE1, GONE2, N1, N2, RULES, card_of, click, group, open_one

ASKED = NOW + SECOND  # when the clicks of these tests are made


async def known(store: Store, number: int = 1) -> Snapshot:
    """Return an incident."""
    found = await store.snapshot(number)
    assert found is not None
    return found


def told(state: SilenceState = SilenceState.ACTIVE, **more: object) -> Conclusion:
    """Make Alertmanager's answer."""
    base = Conclusion(incident=1, silence="a1", state=state, silence_id="s-1")
    return replace(base, **more)  # type: ignore[arg-type]


async def kept(store: Store, scope: str = "group") -> None:
    """Silence two alerts until they are resolved."""
    await open_one(store, notice(N1, N2))
    await store.act(replace(click(ActionKind.SILENCE), duration=RESOLVED, scope=scope), NOW)
    await store.conclude(told(), ASKED)


class Silences:
    """What is durable of a silence's life."""

    async def test_what_a_silence_would_mute_is_found_in_every_open_incident(
        self, store: Store
    ) -> None:
        """Of the same source, each alert once, and nothing that is over."""
        await open_one(store, notice(N1, N2))
        await store.apply(group(2, notice(N1, alert("m1"))), RULES, NOW)
        await store.apply(group(3, notice(alert("m2")))._replace(source="other"), RULES, NOW)
        await store.apply(group(4, notice(alert("m3"))), RULES, NOW)
        await store.apply(group(4, notice(alert("m3", firing=False))), RULES, NOW + SECOND)
        incident = (await known(store)).incident
        found = await store.matching(incident, (("alertname", "Disk"),))
        assert (found.total, found.others) == (3, 1)
        assert [name.split()[0] for name in found.names] == ["Disk"] * 3
        assert {name.split()[1] for name in found.names} == {"n1", "n2", "m1"}
        one = await store.matching(incident, (("instance", "m1"),))
        assert (one.total, one.others) == (1, 1)
        assert not one.more_than(found)
        assert found.more_than(one)
        assert await store.matching(incident, (("alertname", "Nothing"),)) == Found()

    async def test_many_are_counted_and_some_are_named(self, store: Store) -> None:
        """However many match, what is kept of them is small."""
        many = [alert(f"n{number}") for number in range(MARKS_MOST + 1)]
        await open_one(store, notice(*many))
        found = await store.matching((await known(store)).incident, (("alertname", "Disk"),))
        assert (found.total, len(found.names), found.marks) == (MARKS_MOST + 1, NAMES_MOST, ())
        assert not found.more_than(found)
        assert found._replace(total=found.total + 1).more_than(found)

    async def test_a_preview_is_kept_asks_nothing_of_alertmanager_and_lapses(
        self, store: Store
    ) -> None:
        """It is in the incident until it is answered, or forgotten."""
        await open_one(store)
        card = await card_of(store)
        looked = replace(click(ActionKind.PREVIEW, card=card.id), found=Found(1))
        acted = await store.act(looked, ASKED)
        assert acted.verdict.reason is ActionReason.PREVIEWED
        assert await store.intents() == []
        proposal = (await known(store)).incident.proposal
        assert proposal is not None
        assert (proposal.id, proposal.card, proposal.found) == ("a1", card.id, Found(1))
        assert await store.lapse(ASKED) == (0, ASKED + PROPOSAL_LIFE)
        assert await store.lapse(ASKED + PROPOSAL_LIFE) == (1, None)
        assert (await known(store)).incident.proposal is None
        late = confirming("a2")
        over = await store.act(late, ASKED + PROPOSAL_LIFE)
        assert over.verdict.reason is ActionReason.PREVIEW_OVER

    async def test_what_is_confirmed_becomes_one_intent(self, store: Store) -> None:
        """However often it is confirmed."""
        await open_one(store)
        await store.act(replace(click(ActionKind.PREVIEW), found=Found(1)), ASKED)
        first = await store.act(confirming("a2"), ASKED)
        second = await store.act(confirming("a3"), ASKED)
        assert first.verdict.reason is ActionReason.REQUESTED
        assert second.verdict.reason is ActionReason.PREVIEW_OVER
        assert [silence.id for _, silence in await store.intents()] == ["a2"]

    async def test_what_is_kept_alive_is_extended_in_time_and_raises_no_card(
        self, store: Store
    ) -> None:
        """Each extension is an intent of its own, durable before Alertmanager is asked."""
        await kept(store)
        raised = (await card_of(store)).wanted
        lines = len(await store.timeline(1))
        _, due = await store.lapse(ASKED)
        assert due is not None
        assert ASKED < due < ASKED + KEPT_FOR
        assert (await store.lapse(due))[0] == 1
        ((_, silence),) = await store.intents()
        assert (silence.state, silence.wanted_end) == (SilenceState.EXTENDING, due + KEPT_FOR)
        await store.conclude(told(ends_at=silence.wanted_end), due + SECOND)
        assert await store.intents() == []
        assert (await known(store)).incident.silences[0].ends_at == due + KEPT_FOR
        assert (await card_of(store)).wanted == raised
        assert len(await store.timeline(1)) == lines
        assert (await known(store)).incident.silences[0].latest == ASKED + LONGEST

    async def test_a_late_answer_ends_no_intent_that_came_after_it(self, store: Store) -> None:
        """An answer is kept again where nobody knew whether it was: by then more may be asked."""
        await open_one(store, notice(N1))
        await store.act(replace(click(ActionKind.SILENCE), duration="1h"), NOW)
        await store.conclude(told(), ASKED)
        await store.act(
            replace(click(ActionKind.EXTEND), id="a2", duration="1h", silence="a1"), ASKED
        )
        await store.conclude(told(), ASKED + 1)
        ((_, silence),) = await store.intents()
        assert silence.state is SilenceState.EXTENDING
        await store.conclude(told(ends_at=silence.wanted_end), ASKED + 2)
        assert await store.intents() == []

    async def test_what_is_kept_alive_ends_when_its_incident_does(self, store: Store) -> None:
        """The clock finds it at once."""
        await kept(store)
        await store.apply(notice(GONE1, GONE2), RULES, NOW + MINUTE)
        assert (await store.lapse(NOW + MINUTE))[0] == 1
        ((_, silence),) = await store.intents()
        assert silence.state is SilenceState.EXPIRING
        await store.conclude(told(SilenceState.EXPIRED), NOW + MINUTE)
        over = (await known(store)).incident
        assert over.silences[0].state is SilenceState.EXPIRED
        assert over.closed_at is not None
        kinds = [entry.kind for entry in await store.timeline(1)]
        assert kinds[-2:] == ["silence_released", "silence_expired"]

    async def test_one_alerts_silence_ends_with_that_alert(self, store: Store) -> None:
        """Though others of its incident fire on."""
        await kept(store, N1.fingerprint)
        await store.apply(notice(GONE1, N2), RULES, NOW + MINUTE)
        assert (await store.lapse(NOW + MINUTE))[0] == 1
        ((_, silence),) = await store.intents()
        assert silence.state is SilenceState.EXPIRING

    async def test_the_others_silence_goes_on(self, store: Store) -> None:
        """An alert that ends, ends no silence of what still fires."""
        await kept(store)
        await store.apply(notice(GONE1, N2), RULES, NOW + MINUTE)
        ended, due = await store.lapse(NOW + MINUTE)
        assert ended == 0
        assert due is not None
        assert due > NOW + MINUTE

    async def test_an_extension_is_an_intent_until_its_end_is_reached(self, store: Store) -> None:
        """An answer to an earlier extension leaves the later one to be asked for."""
        await open_one(store)
        await store.act(click(ActionKind.SILENCE), NOW)
        await store.conclude(told(), ASKED)
        for number in ("e1", "e2"):
            await store.act(click(ActionKind.EXTEND, number), ASKED)
        await store.conclude(told(ends_at=ASKED + 2 * HOUR), ASKED)
        ((_, silence),) = await store.intents()
        assert silence.wanted_end == ASKED + 3 * HOUR
        await store.conclude(told(ends_at=ASKED + 3 * HOUR), ASKED)
        assert await store.intents() == []
        assert (await store.lapse(ASKED + 3 * HOUR - 1)) == (0, ASKED + 3 * HOUR)

    async def test_a_digest_alone_keeps_its_silence_alive(self, store: Store) -> None:
        """What it gathered shows one that may last as long, and learns of its end."""
        digest = await storm(store, 2)
        acted = await press(
            store, digest, ActionKind.SILENCE, revision=1, scope=SHARED_SCOPE, duration=RESOLVED
        )
        (asked,) = acted.verdict.silences
        answer = told(incident=digest, silence=asked.id)
        await store.conclude(answer, ASKED)
        mirrored = (await known(store, 1)).incident.silences[0]
        assert (mirrored.keep_until, mirrored.ends_at) == (0, asked.keep_until)
        _, due = await store.lapse(ASKED)
        assert due is not None
        await store.lapse(due)
        ((snapshot, silence),) = await store.intents()
        assert (snapshot.incident.id, silence.state) == (digest, SilenceState.EXTENDING)
        await store.conclude(replace(answer, state=SilenceState.EXPIRED), due)
        for number in (1, 2, digest):
            owner = (await known(store, number)).incident
            assert [one.state for one in owner.silences] == [SilenceState.EXPIRED]


def confirming(number: str) -> Action:
    """Confirm what a1 previewed."""
    return replace(
        click(ActionKind.CONFIRM_SILENCE, number), silence="a1", found=Found(1), duration=""
    )
