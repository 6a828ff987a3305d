"""The promises about escalations: a step is on disk before anybody is called, and done once."""

from receiver.domain.action import ActionKind
from receiver.domain.escalated import CallState, EscalationStep, Plan, Via
from receiver.domain.escalation import Told
from receiver.domain.incident import Placement
from receiver.store.base import Store, Taking
from tests.domain.made import MINUTE, NOW, TARGET, notice
from tests.store.engines import Engine
from tests.store.made import GONE1, N1, RULES, card_of, click, open_one, show

PLAN: Plan = (
    EscalationStep(after=5 * MINUTE, via=Via.MENTION, whom=("oncall:db",)),
    EscalationStep(after=10 * MINUTE, via=Via.PHONE, whom=("oncall:db",)),
)
PLANS = {"database": PLAN}
ESCALATING = notice(N1)._replace(placements=(Placement(TARGET, escalation="database"),))
DUE = NOW + 5 * MINUTE
DONE = Told(CallState.DONE, ("Li",))


async def unowned(store: Store) -> None:
    """Open an incident that escalates, and show its card."""
    await open_one(store, ESCALATING)
    await show(store, (await card_of(store)).id)


async def taken(store: Store, now: int, *busy: tuple[int, int]) -> tuple[Taking, ...]:
    """Look at what is due."""
    return (await store.escalate(PLANS, now, busy)).takings


async def kinds(store: Store) -> list[str]:
    """Return what the timeline says of steps."""
    lines = await store.timeline(1)
    return [line.kind for line in lines if line.kind.startswith("escalation_")]


class Escalations:
    """A step calls people: it is recorded first, and never given out a second time."""

    async def test_15_a_step_is_given_out_once_and_is_in_the_timeline_before(
        self, store: Store
    ) -> None:
        """Two sources of wake, and a look that comes too early, change nothing."""
        await unowned(store)
        assert await store.next_escalation() == 0
        assert await taken(store, NOW) == ()
        assert await store.next_escalation() == DUE
        assert await taken(store, DUE - 1) == ()
        (taking,) = await taken(store, DUE)
        assert (taking.number, taking.step) == (1, PLAN[0])
        assert await kinds(store) == ["escalation_mention"]
        assert await taken(store, DUE + 60 * MINUTE, (1, 1)) == ()

    async def test_15_a_step_whose_outcome_a_crash_kept_is_not_given_out_again(
        self, engine: Engine
    ) -> None:
        """Somebody may have been called: the next step is taken in its time."""
        store = engine.open()
        await unowned(store)
        assert len(await taken(store, DUE)) == 1
        await store.close()
        store = engine.open()
        found = await store.escalate(PLANS, DUE, (), since=0)
        assert found.takings == ()
        assert await kinds(store) == ["escalation_mention", "escalation_mention_unknown"]
        snapshot = await store.snapshot(1)
        assert snapshot is not None
        assert snapshot.incident.escalated.calls[0].state is CallState.UNKNOWN
        assert not await store.conclude_step(1, 1, DONE, (), DUE)
        (taking,) = await taken(store, DUE + 5 * MINUTE)
        assert taking.step == PLAN[1]

    async def test_15_an_outcome_is_kept_shown_and_counted_once(self, store: Store) -> None:
        """The card wants a revision more, and the call counts in its windows and its month."""
        await unowned(store)
        await taken(store, DUE)
        keys = ("app:a1:reply", "month:default:2026-09")
        assert await store.conclude_step(1, 1, DONE, keys, DUE)
        (card,) = await store.cards(1)
        assert card.wanted == card.shown + 1
        assert ("app:a1:reply",) in [spent.keys for spent in await store.spent(DUE)]
        assert (await store.counted())["month:default:2026-09"] == 1
        assert await kinds(store) == ["escalation_mention", "escalation_mention_done"]

    async def test_what_somebody_owns_or_is_over_is_left_alone(self, store: Store) -> None:
        """An acknowledgement, or the end, stops it before the next step."""
        await unowned(store)
        await store.act(click(ActionKind.ACKNOWLEDGE), NOW)
        assert await taken(store, DUE) == ()
        await store.act(click(ActionKind.UNACKNOWLEDGE, "a2"), DUE)
        assert await taken(store, DUE) == ()
        await store.apply(notice(GONE1), RULES, DUE)
        assert await taken(store, DUE + 60 * MINUTE) == ()
        assert await store.next_escalation() is None

    async def test_nobody_is_called_to_a_card_that_is_not_there_yet(self, store: Store) -> None:
        """A platform that is out delays a step; it is looked for again soon."""
        await open_one(store, ESCALATING)
        assert await taken(store, DUE) == ()
        again = await store.next_escalation()
        assert again is not None
        assert DUE < again <= DUE + MINUTE

    async def test_after_a_clock_was_set_back_what_is_due_later_is_looked_at(
        self, store: Store
    ) -> None:
        """By another clock it was due later than it is."""
        await unowned(store)
        await taken(store, NOW)
        back = NOW - 600 * MINUTE
        await store.escalate(PLANS, back, (), since=0)
        assert await store.next_escalation() == back + 5 * MINUTE

    async def test_a_plan_that_is_gone_calls_nobody(self, store: Store) -> None:
        """A reload may take it away."""
        await unowned(store)
        found = await store.escalate({}, DUE, ())
        assert found == ((), None)
