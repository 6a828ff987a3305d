"""The shortest time in which sliding windows admit so many calls: what a storm is measured by."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# The part of each window that critical cards have to themselves, at least one call.
CRITICAL_SHARE = 16


@dataclass(frozen=True, slots=True)
class Rule:
    """At most ``most`` calls in any ``span`` ms."""

    most: int
    span: int

    def lesser(self) -> "Rule":
        """Return what is left of it for cards that are not critical."""
        return Rule(max(self.most - max(self.most // CRITICAL_SHARE, 1), 1), self.span)


class _Windows:
    """The calls that still matter to some rules."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._windows = [(rule, deque[int](maxlen=rule.most)) for rule in rules]

    def opens(self) -> int:
        """Return when the next call is admitted, in ms since the start."""
        full = [calls[0] + rule.span for rule, calls in self._windows if len(calls) == rule.most]
        return max(full, default=0)

    def count(self, at: int) -> None:
        for _, calls in self._windows:
            calls.append(at)


def ideal(shared: Sequence[Rule], each: Sequence[Rule], calls: Sequence[int]) -> int:
    """Return the ms from the first to the last call, each made as soon as every rule admits it.

    Chat number N has ``calls[N]`` calls, which keep to ``each`` among themselves; all of them
    together keep to ``shared``. Calls take no time. Of two chats that may call at the same moment
    the one with more calls left goes first, so that no chat is left behind at the end.
    """
    everybody = _Windows(shared)
    chats = [_Windows(each) for _ in calls]
    left = list(calls)
    now = 0
    while any(left):
        opens = [
            (max(chats[number].opens(), now), -count, number)
            for number, count in enumerate(left)
            if count
        ]
        at, _, number = min(opens)
        now = max(at, everybody.opens())
        # Meanwhile another chat, with more calls left, may have opened too.
        number = min((-count, one) for at, count, one in _open(opens, now))[1]
        everybody.count(now)
        chats[number].count(now)
        left[number] -= 1
    return now


def _open(opens: Sequence[tuple[int, int, int]], now: int) -> list[tuple[int, int, int]]:
    return [(at, -count, one) for at, count, one in opens if at <= now]
