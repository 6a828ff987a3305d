"""The platform's limits, kept by us: a call is admitted only if it stays below every one."""

from collections import defaultdict, deque
from collections.abc import Iterable

from receiver.channels.base import Limit

# The part of each window that critical cards have to themselves.
CRITICAL_SHARE = 5
# How long to wait for a call that holds a window open and has not been answered.
UNANSWERED = 50


class Ledger:
    """The calls of the last windows; times are Unix milliseconds.

    A call counts from its start until a window after its answer: the platform may count its
    arrival at any moment between the two.
    """

    def __init__(self) -> None:
        self._open: dict[str, int] = defaultdict(int)
        self._answered: dict[str, deque[int]] = defaultdict(deque)

    def wait(self, limits: Iterable[Limit], *, critical: bool, now: int) -> tuple[int, str]:
        """Return 0 if a call is admitted now, else the ms to wait, and the limit's name."""
        longest, name = 0, ""
        for limit in limits:
            pause = self._wait(limit, critical=critical, now=now)
            if pause > longest:
                longest, name = pause, limit.name
        return longest, name

    def start(self, limits: Iterable[Limit]) -> None:
        """Count a call as made and not yet answered."""
        for limit in limits:
            self._open[limit.key] += 1

    def finish(self, limits: Iterable[Limit], now: int) -> None:
        """Count a call as answered."""
        for limit in limits:
            self._open[limit.key] -= 1
            self.remember(limit.key, now)

    def cancel(self, limits: Iterable[Limit]) -> None:
        """Forget a call that was never made."""
        for limit in limits:
            self._open[limit.key] -= 1

    def remember(self, key: str, at: int) -> None:
        """Count an answered call, also one of an earlier run of the program."""
        self._answered[key].append(at)

    def forget(self, before: int) -> None:
        """Drop what no window reaches any more."""
        for key in list(self._answered):
            times = self._answered[key]
            while times and times[0] <= before:
                times.popleft()
            if not times and not self._open[key]:
                del self._answered[key], self._open[key]

    def _wait(self, limit: Limit, *, critical: bool, now: int) -> int:
        room = limit.most if critical else limit.most - max(1, limit.most // CRITICAL_SHARE)
        since = now - limit.window
        recent = [at for at in self._answered[limit.key] if at > since]
        over = self._open[limit.key] + len(recent) - max(room, 1) + 1
        if over <= 0:
            return 0
        if over > len(recent):
            return UNANSWERED
        return recent[over - 1] + limit.window - now
