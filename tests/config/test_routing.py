"""Routes: the compiled router says what a slow and plain reading of the rules says."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.config import Route, Router
from receiver.config import routing as routing_module
from receiver.domain.incident import Placement
from receiver.domain.matcher import Operator, matcher
from receiver.domain.reason import NotifyReason
from tests.config.made import BODY, made

LABELS = st.dictionaries(
    st.sampled_from(["a", "b", "source", "receiver"]), st.sampled_from(["", "x", "y", "xy"])
)
SENDERS = st.sampled_from(["", "x", "y"])
MATCHERS = st.builds(
    matcher,
    st.sampled_from(["a", "b", "source", "receiver"]),
    st.sampled_from(Operator),
    st.sampled_from(["", "x", "y", "x|y", "x.*"]),
)
ROUTES = st.builds(
    Route,
    matchers=st.lists(MATCHERS, max_size=3).map(tuple),
    targets=st.lists(st.sampled_from("pqr"), min_size=1, unique=True).map(tuple),
    mention=st.lists(st.sampled_from(["all", "ou_1", "ou_2"]), unique=True).map(tuple),
    notify=st.lists(st.sampled_from(NotifyReason), unique=True).map(tuple),
    continue_=st.booleans(),
)


def matching(routes: list[Route], labels: dict[str, str], source: str, receiver: str) -> set[int]:
    """Return the numbers of the routes that an alert takes, read off the rules."""
    seen = {**labels, "source": source, "receiver": receiver}
    taken = set()
    for number, route in enumerate(routes):
        if all(each.matches(seen) for each in route.matchers):
            taken.add(number)
            if not route.continue_:
                break
    return taken


def placed(routes: list[Route], numbers: set[int]) -> dict[str, tuple[set[str], set[str]]]:
    """Return who is called in each target, and when."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for number in sorted(numbers):
        for target in routes[number].every_target:
            mention, notify = found.setdefault(target, (set(), set()))
            mention.update(routes[number].mention)
            notify.update(routes[number].notify)
    return found


def as_sets(placements: tuple[Placement, ...]) -> dict[str, tuple[set[str], set[str]]]:
    """Return the same of placements, each of which must be there once."""
    assert len({each.target for each in placements}) == len(placements)
    for each in placements:
        assert len(set(each.mention)) == len(each.mention)
        assert len(set(each.notify)) == len(each.notify)
    return {each.target: (set(each.mention), set(each.notify)) for each in placements}


@given(st.lists(ROUTES, max_size=5), st.lists(st.tuples(LABELS, SENDERS, SENDERS), max_size=6))
def test_an_alert_goes_where_the_rules_say(
    routes: list[Route], asked: list[tuple[dict[str, str], str, str]]
) -> None:
    router = Router(routes)
    for labels, source, receiver in asked:
        expected = placed(routes, matching(routes, labels, source, receiver))
        found = router.placements(labels, source, receiver)
        assert as_sets(found) == expected
        assert [each.target for each in found] == list(expected)  # in the routes' order


@given(st.lists(ROUTES, max_size=5), st.lists(LABELS, max_size=6), SENDERS, SENDERS)
def test_an_incident_goes_where_any_of_its_alerts_goes(
    routes: list[Route], alerts: list[dict[str, str]], source: str, receiver: str
) -> None:
    numbers: set[int] = set()
    for labels in alerts:
        numbers |= matching(routes, labels, source, receiver)
    found = Router(routes).union(alerts, source, receiver)
    assert as_sets(found) == placed(routes, numbers)


def test_no_alert_goes_nowhere() -> None:
    assert Router([Route(targets=("p",))]).union([], "x", "y") == ()


def test_the_labels_source_and_receiver_cannot_be_forged() -> None:
    route = Route(matchers=(matcher("source", Operator.EQUAL, "prod"),), targets=("p",))
    assert Router([route]).placements({"source": "prod"}, "agent", "y") == ()
    assert len(Router([route]).placements({"source": "agent"}, "prod", "y")) == 1


def test_what_is_remembered_of_senders_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing_module, "SENDERS_MOST", 4)
    monkeypatch.setattr(routing_module, "SETS_MOST", 4)
    routes = [
        Route(matchers=(matcher(name, Operator.EQUAL, "1"),), targets=(name,), continue_=True)
        for name in "abcde"
    ]
    router = Router(routes)
    for number in range(32):
        labels = {name: str(number >> bit & 1) for bit, name in enumerate("abcde")}
        found = router.placements(labels, f"s{number}", "r")
        assert "".join(each.target for each in found) == "".join(
            name for name in "abcde" if labels[name] == "1"
        )
        assert len(router._senders) <= 4  # noqa: SLF001
        assert len(router._sets) <= 4  # noqa: SLF001


def test_routing_an_alert_takes_microseconds() -> None:
    """The aim is 2 µs on an idle machine; ten times that is a mistake on any."""
    rows = "".join(
        f"  - {{match: ['severity=\"s{n}\"', 'team=\"t{n}\"'], targets: ['ops:oc_{n}']}}\n"
        for n in range(5)
    )
    router = Router(made(f"{BODY}routes:\n{rows}").routes)
    labels = {"alertname": "x", "severity": "s4", "team": "t4"}
    alerts = [labels] * 1000
    best = 1.0
    for _ in range(20):
        began = time.perf_counter()
        router.union(alerts, "prod", "feishu")
        best = min(best, time.perf_counter() - began)
    assert best / len(alerts) < 20e-6
