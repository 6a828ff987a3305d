"""The conservation law on one card."""

from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.units import Units, bury, digest, give_away, show, suppress

MOVES = {"show": show, "digest": digest, "suppress": suppress, "bury": bury, "give": give_away}


def total(units: Units, joined: int) -> int:
    """Count every unit in its state."""
    return (
        units.pending(joined)
        + units.shown
        + units.digested
        + units.suppressed
        + units.dead_lettered
    )


@given(
    st.integers(0, 3),
    st.lists(st.tuples(st.sampled_from(sorted(MOVES)), st.integers(0, 3), st.integers(0, 4))),
)
def test_no_history_loses_a_unit(base: int, history: list[tuple[str, int, int]]) -> None:
    units, joined = Units(base=base), base
    for name, more, behind in history:
        joined += more
        upto = max(joined - behind, base + units.suppressed)  # a call shows what was known then
        before = units
        units = MOVES[name](units, upto)
        assert total(units, joined) == joined - base
        assert min(units[1:]) >= 0
        assert units.pending(joined) >= 0
        assert units.shown >= before.shown  # nobody forgets what was read


def test_a_card_shows_everything_up_to_its_revision() -> None:
    units = bury(digest(Units(), 2), 3)
    assert show(units, 3) == Units(shown=3)
    assert digest(units, 4) == Units(digested=4)
    assert show(Units(), 2).pending(5) == 3


def test_a_digest_leaves_what_came_after_it() -> None:
    units = digest(show(Units(), 1), 4)
    assert units == Units(shown=1, digested=3)
    # A message that was under way showed but the first two.
    assert show(units, 2) == Units(shown=2, digested=2)


def test_what_is_given_away_is_nobody_s_dead_letter() -> None:
    assert give_away(Units(dead_lettered=2, shown=1), 5) == Units(shown=1, suppressed=4)
    assert suppress(Units(), 2) == Units(suppressed=2)
