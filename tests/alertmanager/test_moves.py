"""What is to be done about a silence: nothing where nobody asks for anything any more."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from receiver.alertmanager.moves import Delete, Known, Post, Settle, Update, next_move
from receiver.domain.silence import HOUR, Silence, SilenceState
from tests.domain.made import LI, NOW

ACTIVE = Silence(
    id="a1",
    state=SilenceState.ACTIVE,
    scope="group",
    matchers=(("alertname", "Disk"),),
    actor=LI,
    comment="",
    asked_at=NOW,
    ends_at=NOW + HOUR,
    silence_id="s1",
)
LIVE = st.sampled_from([(), ("s1",), ("s1", "s2")])


@given(st.sampled_from(SilenceState), LIVE, st.booleans(), st.integers(0, 2 * HOUR))
def test_only_what_is_asked_changes_alertmanager(
    state: SilenceState, live: tuple[str, ...], doubtful: bool, later: int
) -> None:
    """An intent that outlived its answer must not end a silence that mutes as it should."""
    known = Known(began=NOW, doubtful=doubtful, live=live)
    move = next_move(replace(ACTIVE, state=state), known, NOW + later)
    if not state.asks:
        assert isinstance(move, Settle)
        assert move.state is state
    assert not isinstance(move, Post) or state is SilenceState.REQUESTED
    assert not isinstance(move, Update) or state is SilenceState.EXTENDING
    assert not isinstance(move, Delete) or state in (SilenceState.REQUESTED, SilenceState.EXPIRING)
