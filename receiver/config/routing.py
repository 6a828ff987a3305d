"""Which targets an alert is shown in: compiled once, asked for every alert."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from receiver.config.values import Route
from receiver.domain.incident import Placement
from receiver.domain.matcher import Matcher, Operator

# What senders call their receivers is theirs to choose, so what is remembered is bounded.
SENDERS_MOST = 1024
SETS_MOST = 4096
_SENDER = ("source", "receiver")


class _Step(NamedTuple):
    """A route as a sender's alerts meet it: what is left to compare, and what a match means."""

    bit: int  # of this route in the set of matching ones
    equal: tuple[tuple[str, str], ...]  # label and value that must be equal
    others: tuple[Matcher, ...]
    last: bool


class Router:
    """The routes of a configuration, in the order they are written.

    Matchers see an alert's labels, and as ``source`` and ``receiver`` who sent it; these two hide
    labels of the same names. The first route that matches wins, unless it continues.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = tuple(routes)
        self._senders: dict[tuple[str, str], tuple[_Step, ...]] = {}
        self._sets: dict[int, tuple[Placement, ...]] = {}

    def placements(
        self, labels: dict[str, str], source: str, receiver: str
    ) -> tuple[Placement, ...]:
        """Return where an alert is shown; a target that several routes name stands there once."""
        return self._merged(_matching(self._steps(source, receiver), labels))

    def union(
        self, alerts: Iterable[dict[str, str]], source: str, receiver: str
    ) -> tuple[Placement, ...]:
        """Return where any of these alerts, given by their labels, is shown; nowhere if none."""
        steps = self._steps(source, receiver)
        whole = len(steps) == 1 and not steps[0].equal and not steps[0].others
        found = 0
        for labels in alerts:
            found |= _matching(steps, labels)
            if whole:  # every alert goes the same way
                break
        return self._merged(found)

    def _steps(self, source: str, receiver: str) -> tuple[_Step, ...]:
        known = self._senders.get((source, receiver))
        if known is None:
            if len(self._senders) >= SENDERS_MOST:
                self._senders.clear()
            known = _compile(self._routes, {"source": source, "receiver": receiver})
            self._senders[source, receiver] = known
        return known

    def _merged(self, bits: int) -> tuple[Placement, ...]:
        known = self._sets.get(bits)
        if known is None:
            if len(self._sets) >= SETS_MOST:
                self._sets.clear()
            chosen = [route for number, route in enumerate(self._routes) if bits >> number & 1]
            known = self._sets[bits] = merge(chosen)
        return known


def _matching(steps: tuple[_Step, ...], labels: dict[str, str]) -> int:
    """Return the set of matching routes; the hot path, so it is one plain loop."""
    found = 0
    for bit, equal, others, last in steps:
        for name, value in equal:
            if labels.get(name, "") != value:
                break
        else:
            if others and not all(matcher.matches(labels) for matcher in others):
                continue
            found |= bit
            if last:
                return found
    return found


def _compile(routes: tuple[Route, ...], sender: dict[str, str]) -> tuple[_Step, ...]:
    """Return the steps that a sender's alerts take: its own matchers are decided already."""
    steps: list[_Step] = []
    for number, route in enumerate(routes):
        own = [matcher for matcher in route.matchers if matcher.name in _SENDER]
        if not all(matcher.matches(sender) for matcher in own):
            continue
        left = [matcher for matcher in route.matchers if matcher.name not in _SENDER]
        equal = tuple((m.name, m.value) for m in left if m.operator is Operator.EQUAL)
        others = tuple(m for m in left if m.operator is not Operator.EQUAL)
        steps.append(_Step(1 << number, equal, others, not route.continue_))
        if not left and not route.continue_:
            break
    always = all(not step.equal and not step.others for step in steps)
    return (_at_once(steps),) if always and steps else tuple(steps)


def _at_once(steps: list[_Step]) -> _Step:
    """Make one step of routes that all accept everything."""
    return _Step(sum(step.bit for step in steps), (), (), last=True)


def merge(routes: Iterable[Route]) -> tuple[Placement, ...]:
    """Return the targets of several routes, each once, calling whom and when any of them calls."""
    mention: dict[str, dict[str, None]] = {}
    notify: dict[str, dict[str, None]] = {}
    for route in routes:
        for target in route.targets:
            mention.setdefault(target, {}).update(dict.fromkeys(route.mention))
            notify.setdefault(target, {}).update(dict.fromkeys(route.notify))
    return tuple(
        Placement(target, tuple(people), tuple(notify[target]))
        for target, people in mention.items()
    )
