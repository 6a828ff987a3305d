"""A group that comes and goes: one card, a counter, and people who are not called each time."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.absorb import REOPENINGS_KEPT
from receiver.domain.card import (
    Ability,
    Card,
    picture,
)
from receiver.domain.incident import FLAPPING_THRESHOLD, FLAPPING_WINDOW, Flapping, Rules
from receiver.domain.reason import CardReason, NotifyReason
from receiver.domain.step import (
    Patch,
    Post,
    Settle,
    Step,
    next_step,
    why_call,
    why_edit,
)
from tests.domain.made import MINUTE, TARGET, World, alert, notice

FIRES, GONE = notice(alert()), notice(alert(firing=False))
ALL = tuple(NotifyReason)


def flap(world: World, times: int, apart: int = MINUTE) -> list[CardReason | None]:
    """Let a group come and go; return what people are called for each time."""
    called = []
    for _ in range(times):
        world.hear(GONE, apart)
        before = picture(world.known, tuple(world.members.values()))
        world.hear(FIRES, apart)
        after = picture(world.known, tuple(world.members.values()))
        called.append(why_call(before.marks, after, ALL))
    return called


def opened() -> World:
    """Return a world with one open incident."""
    world = World()
    world.hear(FIRES)
    return world


def test_people_are_called_until_it_flaps_and_then_once_a_window() -> None:
    world = opened()
    before = [CardReason.REOPENED] * (FLAPPING_THRESHOLD - 1)
    assert flap(world, FLAPPING_THRESHOLD + 2) == [*before, None, None, None]
    assert world.known.flapping == FLAPPING_THRESHOLD + 2
    assert len(world.known.reopenings) == FLAPPING_THRESHOLD + 2
    last = world.known.called_at
    while world.now + 2 * MINUTE < last + FLAPPING_WINDOW:
        assert flap(world, 1) == [None]
    assert flap(world, 1) == [CardReason.REOPENED]
    assert flap(world, 1) == [None]


def test_a_group_that_calms_down_flaps_no_more() -> None:
    world = opened()
    flap(world, FLAPPING_THRESHOLD)
    rules = Rules(flap_window=2 * FLAPPING_WINDOW)
    world.hear(GONE, MINUTE, rules)
    world.hear(FIRES, FLAPPING_WINDOW + MINUTE, rules)
    assert (world.known.flapping, len(world.known.reopenings)) == (0, 1)


def test_the_threshold_is_configured() -> None:
    world = opened()
    rules = Rules(flapping=Flapping(threshold=1, window=MINUTE))
    world.hear(GONE, 1, rules)
    world.hear(FIRES, 1, rules)
    assert world.known.flapping == 1
    assert world.known.reopened == 1  # the first in the window calls


def test_a_flapping_group_is_drawn_and_nobody_is_called() -> None:
    world = opened()
    flap(world, FLAPPING_THRESHOLD)
    world.hear(GONE, MINUTE)
    members = tuple(world.members.values())
    over = picture(world.known, members)
    world.hear(FIRES, MINUTE)
    news = picture(world.known, tuple(world.members.values()))
    assert why_edit(over, news) is CardReason.FLAPPING


def steps_of(world: World, ability: Ability, times: int) -> list[Step]:
    """Show each state of a flapping group, and return what was decided."""
    card = Card(id=1, incident=1, target=TARGET, message_id="om_1", sent_at=world.now, shown=1)
    found = []
    for told in [GONE, FIRES] * times:
        world.hear(told, MINUTE)
        members = tuple(world.members.values())
        wanting = _with(card, wanted=world.known.revision)
        step = next_step(wanting, world.known, members, ability, world.now)
        found.append(step)
        last = picture(world.known, members) if isinstance(step, Post | Patch) else card.last
        card = _with(wanting, shown=world.known.revision, last=last)
    return found


def _with(card: Card, **more: object) -> Card:
    return replace(card, **more)  # type: ignore[arg-type]


def test_a_group_bot_is_not_filled_with_it() -> None:
    world = opened()
    found = steps_of(world, Ability.POSTS_ONLY, FLAPPING_THRESHOLD + 3)
    posts = [step for step in found if isinstance(step, Post)]
    assert len(posts) == 2 * (FLAPPING_THRESHOLD - 1) + 1  # the last of them: it is over
    assert found[-1] == Settle(CardReason.NO_EDIT)


def test_a_card_follows_all_of_it() -> None:
    found = steps_of(opened(), Ability.EDITS, FLAPPING_THRESHOLD + 3)
    assert all(isinstance(step, Patch) for step in found)
    assert found[-1] == Patch(CardReason.FLAPPING)


@given(st.lists(st.integers(1, 20 * MINUTE), max_size=30), st.integers(1, 6))
def test_in_no_window_are_people_called_more_often_than_the_threshold(
    gaps: list[int], threshold: int
) -> None:
    rules = Rules(flapping=Flapping(threshold=threshold), flap_window=FLAPPING_WINDOW)
    world = opened()
    calls: list[int] = []
    for gap in gaps:
        world.hear(GONE, 1, rules)
        before = world.known.reopened
        world.hear(FIRES, gap, rules)
        calls += [world.now] * (world.known.reopened - before)
        assert len(world.known.reopenings) <= REOPENINGS_KEPT
        assert world.known.hushed <= world.known.joined
    for at in calls:
        within = [one for one in calls if at - FLAPPING_WINDOW < one <= at]
        assert len(within) <= max(threshold - 1, 1)


@pytest.mark.parametrize("apart", [1, FLAPPING_WINDOW])
def test_the_memory_of_it_is_bounded(apart: int) -> None:
    world = opened()
    rules = Rules(flap_window=2 * FLAPPING_WINDOW)
    for _ in range(REOPENINGS_KEPT + 5):
        world.hear(GONE, 1, rules)
        world.hear(FIRES, apart, rules)
    assert len(world.known.reopenings) <= REOPENINGS_KEPT
