"""Which targets an alert is shown in: compiled once, asked for every alert."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from receiver.config.values import Route, Spread
from receiver.domain.custody import Hold
from receiver.domain.incident import Placement
from receiver.domain.matcher import Matcher, Operator
from receiver.domain.ownership import narrowed

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


class _Merged(NamedTuple):
    """Where a set of routes shows an incident, ready but for the choice between apps."""

    placements: tuple[Placement, ...]
    spread: tuple[tuple[int, tuple[Placement, ...]], ...] = ()  # place in these, and its choices

    def of(self, source: str, receiver: str, group_key: str) -> tuple[Placement, ...]:
        """Return where one incident is shown."""
        if not self.spread:
            return self.placements
        identity = _identity(source, receiver, group_key)
        placements = list(self.placements)
        for place, choices in self.spread:
            placements[place] = chosen(choices, identity)
        return tuple(placements)


class Router:
    """The routes of a configuration, in the order they are written.

    Matchers see an alert's labels, and as ``source`` and ``receiver`` who sent it; these two hide
    labels of the same names. The first route that matches wins, unless it continues. Of a chat
    that several apps serve, an incident (source, receiver and group key) is always shown by the
    same one.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = tuple(routes)
        self._senders: dict[tuple[str, str], tuple[_Step, ...]] = {}
        self._chats = _Chats(self._routes)
        self._sets: dict[int, _Merged] = {}

    def placements(
        self, labels: dict[str, str], source: str, receiver: str, group_key: str = ""
    ) -> tuple[Placement, ...]:
        """Return where an alert is shown; a target that several routes name stands there once."""
        found = _matching(self._steps(source, receiver), labels)
        return self._merged(found).of(source, receiver, group_key)

    def union(
        self, alerts: Iterable[dict[str, str]], source: str, receiver: str, group_key: str = ""
    ) -> tuple[Placement, ...]:
        """Return where any of these alerts, given by their labels, is shown; nowhere if none."""
        steps = self._steps(source, receiver)
        whole = len(steps) == 1 and not steps[0].equal and not steps[0].others
        found = 0
        for labels in alerts:
            found |= _matching(steps, labels)
            if whole:  # every alert goes the same way
                break
        return self._merged(found).of(source, receiver, group_key)

    def _steps(self, source: str, receiver: str) -> tuple[_Step, ...]:
        known = self._senders.get((source, receiver))
        if known is None:
            if len(self._senders) >= SENDERS_MOST:
                self._senders.clear()
            known = _compile(self._routes, {"source": source, "receiver": receiver})
            self._senders[source, receiver] = known
        return known

    def _merged(self, bits: int) -> _Merged:
        known = self._sets.get(bits)
        if known is None:
            if len(self._sets) >= SETS_MOST:
                self._sets.clear()
            taken = [route for number, route in enumerate(self._routes) if bits >> number & 1]
            known = self._sets[bits] = merge(taken, self._chats)
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


class _Chats:
    """Which targets lead to the same chat: those of apps that some route spreads it over."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._families: dict[str, tuple[str, ...]] = {}
        for spread in (each for route in routes for each in route.targets):
            if isinstance(spread, Spread):
                known = (self.family(target) for target in spread.targets)
                family = tuple(dict.fromkeys(target for each in known for target in each))
                self._families.update(dict.fromkeys(family, family))

    def family(self, target: str) -> tuple[str, ...]:
        """Return every target of a chat, this one among them."""
        return self._families.get(target, (target,))


@dataclass(slots=True)
class _Chat:
    """A chat that some routes name, by a target of its own or spread over several apps."""

    family: tuple[str, ...]
    fixed: str = ""
    apps: dict[str, None] = field(default_factory=dict)  # targets to choose from
    fallbacks: dict[str, None] = field(default_factory=dict)
    mention: dict[str, None] = field(default_factory=dict)
    notify: dict[str, None] = field(default_factory=dict)
    holds: list[Hold] = field(default_factory=list)
    escalation: str = ""

    def take(self, target: str | Spread, route: Route) -> None:
        """Add what a route says about this chat."""
        if isinstance(target, Spread):
            self.apps.update(dict.fromkeys(target.targets))
        else:
            self.fixed = self.fixed or target
        if route.fallback:
            self.fallbacks[route.fallback] = None
        self.mention.update(dict.fromkeys(route.mention))
        self.notify.update(dict.fromkeys(route.notify))
        self.holds.append(Hold(route.acknowledge_for, route.reopen_after))

    def choices(self) -> tuple[Placement, ...]:
        """Return the placements to choose from: one, unless several apps serve the chat."""
        return tuple(
            Placement(
                target,
                tuple(self.mention),
                tuple(self.notify),
                next((each for each in self.fallbacks if each != target), ""),
                tuple(each for each in self.family if each != target),
                narrowed(*self.holds),
                self.escalation,
            )
            for target in ((self.fixed,) if self.fixed else self.apps)
        )


def merge(routes: Iterable[Route], chats: _Chats) -> _Merged:
    """Return the chats of several routes, each once, calling whom and when any of them calls.

    Where one route names an app and another spreads the same chat over several, the named app
    shows it.
    """
    found: dict[tuple[str, ...], _Chat] = {}
    taken = tuple(routes)
    escalation = next((route.escalation for route in taken if route.escalation), "")
    for route in taken:
        for target in route.targets:
            first = target.targets[0] if isinstance(target, Spread) else target
            family = chats.family(first)
            found.setdefault(family, _Chat(family, escalation=escalation)).take(target, route)
    choices = [chat.choices() for chat in found.values()]
    return _Merged(
        tuple(each[0] for each in choices),
        tuple((place, each) for place, each in enumerate(choices) if len(each) > 1),
    )


def chosen(choices: Sequence[Placement], identity: bytes) -> Placement:
    """Return the choice of highest weight for an incident (rendezvous hashing).

    The weights of the others do not change when an app comes or goes, so only its own share
    moves; they depend on nothing but the names, so every process chooses the same.
    """
    return max(choices, key=lambda each: _weight(each.target.partition(":")[0], identity))


def _weight(app: str, identity: bytes) -> tuple[bytes, str]:
    return blake2b(app.encode() + b"\0" + identity, digest_size=8).digest(), app


def _identity(*names: str) -> bytes:
    return "\0".join(names).encode("utf-8", "surrogatepass")
