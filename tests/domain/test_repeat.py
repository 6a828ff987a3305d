"""A genuine repeat is told from the same notification sent again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.absorb import REPEAT_AFTER, REPEAT_APART, is_repeat
from receiver.domain.reason import BodyReason
from tests.domain.made import MINUTE, NOW, PEER, SECOND, TWIN, alert, notice, world

OTHER = "http://alertmanager-2:9093"


@pytest.mark.parametrize(
    ("peer", "told", "after", "expected"),
    [
        # Without a reason: the same peer, a minute or more after its last body and the last repeat.
        (PEER, None, REPEAT_AFTER - 1, False),
        (PEER, None, REPEAT_AFTER, True),
        (TWIN, None, REPEAT_AFTER, False),
        (TWIN, None, 60 * MINUTE, False),
        # With one: it decides, but the same repeat is counted once.
        (PEER, True, REPEAT_APART - 1, False),
        (PEER, True, REPEAT_APART, True),
        (TWIN, True, REPEAT_AFTER - 1, False),
        (TWIN, True, REPEAT_AFTER, True),
        (PEER, False, 60 * MINUTE, False),
        (TWIN, False, 60 * MINUTE, False),
    ],
)
def test_the_table(peer: str, told: bool | None, after: int, *, expected: bool) -> None:
    known = world(notice(alert())).known._replace(peers={PEER: NOW}, repeat_at=NOW)
    assert is_repeat(known, peer, told, NOW + after) is expected


def test_a_peer_that_is_sent_again_and_again_never_repeats() -> None:
    """A slow answer makes Alertmanager send the same every half minute, for ever."""
    made = world(notice(alert()))
    reasons = {made.hear(notice(alert()), 30 * SECOND).reason for _ in range(20)}
    assert reasons == {BodyReason.DUPLICATE}


def test_both_peers_repeats_are_one() -> None:
    made = world(notice(alert()), notice(alert(), peer=TWIN))
    for _ in range(3):
        assert made.hear(notice(alert()), 5 * MINUTE).reason is BodyReason.REPEAT
        again = notice(alert(), peer=TWIN)
        assert made.hear(again, 15 * SECOND).reason is BodyReason.DUPLICATE
    assert made.known.repeated == 3


def test_both_peers_told_repeats_are_one() -> None:
    made = world(notice(alert()), notice(alert(), peer=TWIN))
    assert made.hear(notice(alert(), repeat=True), 5 * MINUTE).reason is BodyReason.REPEAT
    twin = notice(alert(), peer=TWIN, repeat=True)
    assert made.hear(twin, 15 * SECOND).reason is BodyReason.DUPLICATE
    assert made.known.repeated == 1


def test_a_repeat_keeps_new_words() -> None:
    made = world(notice(alert()))
    said = alert()._replace(annotations={"summary": "newer"})
    made.hear(notice(said), 5 * MINUTE)
    assert made.members[said.fingerprint].annotations == {"summary": "newer"}


@given(
    st.lists(
        st.tuples(
            st.sampled_from((PEER, TWIN, OTHER)),
            st.sampled_from((None, True, False)),
            st.integers(min_value=0, max_value=2 * MINUTE),
        ),
        max_size=20,
    )
)
def test_repeats_are_never_closer_than_alertmanager_can_send_them(
    bodies: list[tuple[str, bool | None, int]],
) -> None:
    made = world(notice(alert()))
    last = made.now
    for peer, told, gap in bodies:
        change = made.hear(notice(alert(), peer=peer, repeat=told), gap)
        assert change.reason in (BodyReason.REPEAT, BodyReason.DUPLICATE)
        assert change.raised == (change.reason is BodyReason.REPEAT)
        if change.raised:
            assert made.now - last >= REPEAT_APART
            assert told is not False
            last = made.now
