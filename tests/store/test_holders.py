"""The hint of which open incidents hold an alert: never too few."""

from hypothesis import given
from hypothesis import strategies as st

from receiver.store.holders import Holders

FINGERPRINTS = st.sampled_from("abcd")
STEPS = st.lists(st.tuples(st.booleans(), st.sets(FINGERPRINTS), st.integers(1, 4)))


@given(STEPS)
def test_it_is_a_map_from_alerts_to_the_incidents_that_hold_them(
    steps: list[tuple[bool, set[str], int]],
) -> None:
    holders, model = Holders(), {name: set[int]() for name in "abcd"}
    for adds, names, incident in steps:
        (holders.add if adds else holders.drop)(names, incident)
        for name in names:
            (model[name].add if adds else model[name].discard)(incident)
    for name, held in model.items():
        for incident in range(6):
            assert set(holders.others([name], incident)) == held - {incident}
    assert set(holders.others("abcd", 0)) == set().union(*model.values())


def test_it_begins_with_what_the_store_holds() -> None:
    holders = Holders([("a", 1), ("a", 2), ("b", 2)])
    assert holders.others(["a"], 1) == [2]
    assert sorted(holders.others(["a", "b"], 3)) == [1, 2]
