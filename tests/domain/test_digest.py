"""What a digest counts, and what its silence would mute."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.digest import (
    LABEL_LIMIT,
    VALUES_MOST,
    Digest,
    Gathered,
    by_severity,
    explaining,
    firing,
    gather,
    make,
    shared_matchers,
    source,
    worst,
)
from receiver.domain.incident import Kind
from receiver.domain.reason import State
from receiver.domain.severity import SeverityScale
from tests.domain.made import NOW, World, alert, notice

SCALE = SeverityScale()


def one(number: int = 1, **more: object) -> Gathered:
    """Make a gathered incident."""
    base = Gathered(
        number, Kind.ALERTS, "prod", "Disk", 2, State.FIRING, 1, NOW, {"job": "node"}, ""
    )
    return base._replace(**more)  # type: ignore[arg-type]


names = st.sampled_from(("job", "cluster", "instance", "severity"))
gathereds = st.builds(
    one,
    st.integers(1, 99),
    kind=st.sampled_from((Kind.ALERTS, Kind.AGENT)),
    source=st.sampled_from(("prod", "stage")),
    rank=st.integers(1, 3),
    state=st.sampled_from((State.FIRING, State.RESOLVED, State.ACKNOWLEDGED)),
    since=st.integers(0, 5),
    labels=st.dictionaries(names, st.sampled_from("abcdefgh")),
)
digests = st.builds(make, st.lists(gathereds, max_size=30), late=st.booleans())


@given(digests)
def test_every_count_is_exact(digest: Digest) -> None:
    counted = firing(digest) or digest.gathered
    assert sum(count for _, count in by_severity(digest, SCALE)) == len(counted)
    name, values = explaining(digest, SCALE)
    assert name != SCALE.label
    if not name:
        assert not any(set(one.labels) - {SCALE.label} for one in counted)
        return
    assert sum(count for _, count in values) == len(counted)
    kept = Counter(one.labels.get(name, "") for one in counted)
    shown = [(value, count) for value, count in values if value]
    assert all(kept[value] == count for value, count in shown)
    assert len(shown) <= VALUES_MOST
    assert [count for _, count in shown] == sorted((c for _, c in shown), reverse=True)


@given(digests)
def test_a_silence_of_all_mutes_all_that_fire(digest: Digest) -> None:
    matchers = shared_matchers(digest)
    fire = firing(digest)
    for name, value in matchers:
        assert value
        assert all(one.labels[name] == value for one in fire)
    if matchers:
        assert {one.kind for one in fire} == {Kind.ALERTS}
        assert {one.source for one in fire} == {source(digest)}


@given(digests, st.integers(1, 10))
def test_the_worst_come_first(digest: Digest, most: int) -> None:
    found = worst(digest, most)
    assert len(found) == min(most, len(firing(digest) or digest.gathered))
    assert [one.rank for one in found] == sorted(one.rank for one in found)
    over = [one.state is State.RESOLVED for one in digest.gathered]
    assert over == sorted(over)


def test_the_label_that_explains_most_has_few_values_that_cover_all() -> None:
    found = [
        one(number, labels={"job": "node", "cluster": "eu" if number % 3 else "us",
                            "instance": f"i{number}"})
        for number in range(9)
    ]  # fmt: skip
    assert explaining(make(found, late=False), SCALE) == ("cluster", (("eu", 6), ("us", 3)))
    same = [one(number, labels={"job": "node"}) for number in range(3)]
    assert explaining(make(same, late=False), SCALE) == ("job", (("node", 3),))
    assert explaining(make([one(labels={})], late=False), SCALE) == ("", ())


def test_an_incident_is_gathered_with_what_its_alerts_share() -> None:
    world = World()
    world.hear(notice(alert("n1"), alert("n2")))
    assert world.incident is not None
    got = gather(world.incident, world.members.values())
    assert got.labels == {"alertname": "Disk", "severity": "warning", "team": "a"}
    assert (got.firing, got.state, got.source) == (2, State.FIRING, "prod")
    long = alert("x" * (LABEL_LIMIT + 1))
    world = World()
    world.hear(notice(long))
    assert world.incident is not None
    assert "instance" not in gather(world.incident, world.members.values()).labels
