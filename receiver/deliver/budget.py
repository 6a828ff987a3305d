"""The platform's limits, kept by us: a call is admitted only if it stays below every one."""

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import NamedTuple

from receiver.channels.base import Limit

# The part of each window that critical cards have to themselves.
CRITICAL_SHARE = 5
# How long to wait for a call that holds a window open and has not been answered.
UNANSWERED = 50


# A window that the platform says is full, though we kept below it: others use it too.
BLOCK_FIRST = 1_000
BLOCK_MOST = 30_000
APP_LIMITS = "app_"


class _Block(NamedTuple):
    """A key that is shut until then, after so many refusals in a row."""

    until: int
    strikes: int


def keys_of(limits: Iterable[Limit]) -> tuple[str, ...]:
    """Return each key once: a second's and a minute's limit count the same calls."""
    return tuple(dict.fromkeys(limit.key for limit in limits))


def windows_of(limits: Iterable[Limit]) -> tuple[str, ...]:
    """Return the keys that remember answered calls; the others only count those under way."""
    return keys_of(limit for limit in limits if limit.window)


class Ledger:
    """The calls of the last windows; times are Unix milliseconds.

    A call counts from its start until a window after its answer: the platform may count its
    arrival at any moment between the two.
    """

    def __init__(self) -> None:
        self._open: dict[str, int] = defaultdict(int)
        self._answered: dict[str, deque[int]] = defaultdict(deque)
        self._blocked: dict[str, _Block] = {}

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
        for key in keys_of(limits):
            self._open[key] += 1

    def finish(self, limits: Iterable[Limit], now: int) -> None:
        """Count a call as answered."""
        self.cancel(limits)
        for key in windows_of(limits):
            self.remember(key, now)

    def cancel(self, limits: Iterable[Limit]) -> None:
        """Forget a call that was never made."""
        for key in keys_of(limits):
            self._open[key] -= 1

    def refused(self, limits: Iterable[Limit], after: int, now: int) -> None:
        """Learn from a rate-limit error: others share the window, so hold it shut for a while.

        The platform's gateway says how long, in ms, and means the app; its inner limits of a
        chat, a message or a bot say nothing, and are tried again ever more slowly.
        """
        windows = [limit for limit in limits if limit.window]
        meant = [limit for limit in windows if limit.name.startswith(APP_LIMITS) == bool(after)]
        for key in keys_of(meant or windows):  # a bot has no other windows than its own
            shut = self._blocked.get(key, _Block(0, 0))
            # What was under way when the key was shut is refused with it: that is one strike.
            strikes = max(shut.strikes + (shut.until <= now), 1)
            pause = after or min(BLOCK_FIRST * 2 ** min(strikes - 1, 9), BLOCK_MOST)
            self._blocked[key] = _Block(max(now + pause, shut.until), strikes)

    def accepted(self, limits: Iterable[Limit]) -> None:
        """Forget the strikes of what works again; a call made before the refusal opens nothing."""
        for key in keys_of(limits):
            shut = self._blocked.get(key)
            if shut is not None:
                self._blocked[key] = shut._replace(strikes=0)

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
        for key in [key for key, shut in self._blocked.items() if shut.until <= before]:
            del self._blocked[key]

    def _wait(self, limit: Limit, *, critical: bool, now: int) -> int:
        room = limit.most if critical else limit.most - max(1, limit.most // CRITICAL_SHARE)
        shut = self._blocked.get(limit.key)
        if shut is not None and shut.until > now:
            return shut.until - now
        since = now - limit.window
        recent = [at for at in self._answered[limit.key] if at > since]
        over = self._open[limit.key] + len(recent) - max(room, 1) + 1
        if over <= 0:
            return 0
        if over > len(recent):
            return UNANSWERED
        return recent[over - 1] + limit.window - now
