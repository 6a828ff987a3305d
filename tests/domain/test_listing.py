"""Every silence that holds is listed once, whoever made it, and ours by the id that ends it."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.listing import standing
from receiver.domain.silence import Silence, SilenceState
from receiver.domain.truth import SeenSilence
from tests.domain.made import HOUR, NOW
from tests.domain.test_silence import silence as own
from tests.domain.truths import silence

IDS = st.sampled_from(["s1", "s2", "s3"])
OWN = st.builds(
    lambda number, there: ("prod", replace(own(), id=number, silence_id=there)),
    st.sampled_from(["a1", "a2"]),
    st.sampled_from(["", "s1", "s2"]),
)
SEEN = st.builds(
    lambda number, state, ends, action: silence(number, state, ends_at=ends, action=action),
    IDS,
    st.sampled_from(["active", "pending", "expired"]),
    st.integers(NOW - HOUR, NOW + HOUR),
    st.sampled_from(["", "a1", "a9"]),
)


@given(
    st.lists(OWN, max_size=2, unique_by=lambda pair: pair[1].id),
    st.lists(SEEN, max_size=4, unique_by=lambda one: one.id),
)
def test_each_is_listed_once_and_the_first_to_end_first(
    mine: list[tuple[str, Silence]], told: list[SeenSilence]
) -> None:
    found = standing(mine, {"prod": told}, NOW)
    assert [one.ends_at for one in found] == sorted(one.ends_at for one in found)
    ids = [one.id for one in found]
    assert len(set(ids)) == len(ids)
    known = {silence.id for _, silence in mine}
    there = {silence.silence_id for _, silence in mine}
    live = [one for one in told if one.state != "expired" and one.ends_at > NOW]
    others = {one.id for one in live if one.id not in there and one.action not in known}
    assert set(ids) == known | others
    assert all(one.ours for one in found if one.id in known)


def test_what_another_tool_made_is_told_with_who_why_and_when() -> None:
    later = silence("s2", "pending", ends_at=NOW + HOUR)._replace(starts_at=NOW + 1)
    ours = silence("s3", ends_at=NOW + 2 * HOUR, action="a9", comment="x (ou_1) [receiver:a9]")
    pending, made = standing([], {"prod": [later, ours]}, NOW)
    assert (pending.who, pending.comment, pending.ours) == ("bob", "planned work", False)
    assert (pending.begins_at, pending.matchers) == (NOW + 1, "alertname=Disk")
    assert (made.ours, made.comment) == (True, "x")


def test_an_end_that_another_tool_moved_counts_and_sources_are_apart() -> None:
    mine = replace(own(SilenceState.ACTIVE), silence_id="s1")
    seen = silence("s1", ends_at=NOW + 5 * HOUR)
    (one,) = standing([("prod", mine)], {"prod": [seen]}, NOW)
    assert (one.id, one.ends_at) == ("a1", NOW + 5 * HOUR)
    assert len(standing([("prod", mine)], {"test": [seen]}, NOW)) == 2
