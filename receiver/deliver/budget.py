"""The platform's limits, kept by us: a call is admitted only if it stays below every one."""

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from receiver.channels.base import Limit

# The part of each window that critical cards have to themselves, at least one call.
CRITICAL_SHARE = 16
# How long to wait for a call that holds a window open and has not been answered.
UNANSWERED = 50

# A window that the platform says is full, though we kept below it: others use it too.
BLOCK_FIRST = 1_000
BLOCK_MOST = 30_000
APP_LIMITS = "app_"
# How long a window must be left unrefused before one more call is tried in it.
REGAIN_EVERY = 10_000


class _Block(NamedTuple):
    """A key that is shut until then, for so long, after so many refusals in a row."""

    until: int
    pause: int
    strikes: int


class _Learned(NamedTuple):
    """What a limit that others use too was found to leave us, and when that was found."""

    limit: Limit
    most: int
    at: int

    def room(self, now: int) -> int:
        """Return how many calls are tried now: one more for each while without a refusal."""
        return self.most + max(now - self.at, 0) // REGAIN_EVERY

    def over(self, now: int) -> bool:
        """Say whether the whole limit is ours again."""
        return self.room(now) >= self.limit.most


def keys_of(limits: Iterable[Limit]) -> tuple[str, ...]:
    """Return each key once: a second's and a minute's limit count the same calls."""
    return tuple(dict.fromkeys(limit.key for limit in limits))


def windows_of(limits: Iterable[Limit]) -> tuple[str, ...]:
    """Return the keys that remember answered calls; the others only count those under way."""
    return keys_of(limit for limit in limits if limit.window)


def lesser_room(most: int) -> int:
    """Return how many calls of a window are left to what is not critical."""
    return max(most - max(1, most // CRITICAL_SHARE), 1)


# A clock that is set is off by more than its drift, and by more than a caller's ``now`` is old.
STEP = 250


class Ledger:
    """The calls of the last windows; times are Unix milliseconds.

    A call counts from its start until a window after its answer: the platform may count its
    arrival at any moment between the two.
    """

    def __init__(self, steady: Callable[[], int] | None = None) -> None:
        """Begin with nothing; ``steady`` is a clock in ms that nobody sets, or the same clock."""
        self._steady = steady
        self._offset: int | None = None  # of the clock that is set from the steady one
        self._open: dict[str, int] = defaultdict(int)
        self._answered: dict[str, list[int]] = {}  # in the order of time
        self._blocked: dict[str, _Block] = {}
        self._learned: dict[str, _Learned] = {}

    def wait(self, limits: Iterable[Limit], *, critical: bool, now: int) -> tuple[int, str]:
        """Return 0 if a call is admitted now, else the ms to wait, and the limit's name."""
        self.keep_time(now)
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
        self.keep_time(now)
        self.cancel(limits)
        for key in windows_of(limits):
            self.remember(key, now)

    def cancel(self, limits: Iterable[Limit]) -> None:
        """Forget a call that was never made."""
        for key in keys_of(limits):
            self._open[key] -= 1

    def refused(self, limits: Iterable[Limit], after: int, now: int) -> None:
        """Learn from a rate-limit error: others share the window, so ask for less of it.

        The key is held shut for a while, and half as many calls are tried in it afterwards. The
        platform's gateway says for how long, in ms, and means the app, whose windows are its own;
        its inner limits of a chat, a message or a bot say nothing, and are shared.
        """
        windows = [limit for limit in limits if limit.window]
        meant = [limit for limit in windows if limit.name.startswith(APP_LIMITS) == bool(after)]
        meant = meant or windows  # a bot has no other windows than its own
        for key in keys_of(meant):
            shut = self._blocked.get(key, _Block(0, 0, 0))
            again = shut.until <= now
            if again:
                self._halve(min((one for one in meant if one.key == key), key=_span), now)
            # What was under way when the key was shut is refused with it: that is one strike.
            strikes = max(shut.strikes + again, 1)
            pause = after or min(BLOCK_FIRST * 2 ** min(strikes - 1, 9), BLOCK_MOST)
            until = max(now + pause, shut.until)
            self._blocked[key] = _Block(until, until - now, strikes)

    def accepted(self, limits: Iterable[Limit]) -> bool:
        """Forget the strikes of what works again, and say whether there were any.

        A call made before the refusal opens nothing.
        """
        recovered = False
        for key in keys_of(limits):
            shut = self._blocked.get(key)
            if shut is not None and shut.strikes:
                self._blocked[key] = shut._replace(strikes=0)
                recovered = True
        return recovered

    def remember(self, key: str, at: int) -> None:
        """Count an answered call, also one of an earlier run of the program."""
        times = self._answered.setdefault(key, [])
        if times and times[-1] > at:
            insort(times, at)
        else:
            times.append(at)

    def forget(self, before: int) -> None:
        """Drop what no window reaches any more."""
        for key, times in list(self._answered.items()):
            del times[: bisect_right(times, before)]
            if not times:
                del self._answered[key]
        for key in [key for key, count in self._open.items() if not count]:
            del self._open[key]
        for key in [key for key, shut in self._blocked.items() if shut.until <= before]:
            del self._blocked[key]
        for key in [key for key, one in self._learned.items() if one.over(before)]:
            del self._learned[key]

    def drain(self, limits: Iterable[Limit], waiting: Mapping[str, int], now: int) -> int:
        """Return in how many ms so many lesser calls of each key would all be admitted.

        It is an upper estimate for the slowest key alone: what one window lets through in a burst
        the other window of the key may spread, and so their times are added.
        """
        times: dict[str, int] = defaultdict(int)
        left = dict(waiting)
        for limit in sorted(limits, key=_span, reverse=True):
            calls = left.get(limit.key, 0)
            if calls > 0 and limit.window:
                times[limit.key] += self._drain(limit, calls, now)
                # Of one round of the longer window: the rounds before it are in its own time.
                left[limit.key] = min(calls, lesser_room(self._most(limit, now)))
        return max(times.values(), default=0)

    def _halve(self, limit: Limit, now: int) -> None:
        """Try half as many calls in the shortest window of a key that somebody else uses too."""
        if limit.name.startswith(APP_LIMITS):
            return
        most = self._most(limit, now)
        self._learned[limit.key] = _Learned(limit, max(most // 2, 1), now)

    def _most(self, limit: Limit, now: int) -> int:
        learned = self._learned.get(limit.key)
        if learned is None or learned.limit.window != limit.window:
            return limit.most
        return min(learned.room(now), limit.most)

    def _wait(self, limit: Limit, *, critical: bool, now: int) -> int:
        shut = self._blocked.get(limit.key)
        if shut is not None and shut.until > now:
            return min(shut.until - now, shut.pause)  # no longer, wherever the clock jumps
        most = self._most(limit, now)
        pause = self._full(limit, most, now)
        if critical or pause:
            return pause
        # The critical cards' share is lent for the time of one call: so soon it is there again.
        lent = limit.window // most if most > 1 else 0
        return self._full(limit, lesser_room(most), now, lent)

    def _full(self, limit: Limit, room: int, now: int, ahead: int = 0) -> int:
        """Return how long until a window, as it will be a moment ahead, has room for a call."""
        times = self._times(limit.key, now)
        first = bisect_right(times, now + ahead - limit.window)
        over = self._open.get(limit.key, 0) + len(times) - first - room + 1
        if over <= 0:
            return 0
        if over > len(times) - first:
            return UNANSWERED
        return times[first + over - 1] + limit.window - ahead - now

    def keep_time(self, now: int) -> None:
        """Move what is remembered along with a clock that was set: windows keep their pace."""
        if self._steady is None:
            return
        offset = now - self._steady()
        if self._offset is None:
            self._offset = offset
        step = offset - self._offset
        if abs(step) <= STEP:
            return
        self._offset = offset
        for key, times in self._answered.items():
            self._answered[key] = [at + step for at in times]
        for key, shut in self._blocked.items():
            self._blocked[key] = shut._replace(until=shut.until + step)

    def _times(self, key: str, now: int) -> list[int]:
        times = self._answered.get(key, [])
        if self._steady is None and times and times[-1] > now:
            # The clock was set back: what was answered was answered by now, whatever it said then.
            late = bisect_right(times, now)
            times[late:] = [now] * (len(times) - late)
        return times

    def _drain(self, limit: Limit, calls: int, now: int) -> int:
        room = lesser_room(self._most(limit, now))
        times = self._times(limit.key, now)
        first = bisect_right(times, now - limit.window)
        recent = len(times) - first
        free = room - recent - self._open.get(limit.key, 0)
        rounds, last = divmod(calls - 1, room)
        ahead = 0  # the last round's last call takes the place of the one that many before it
        if last >= free:
            place = first + last - free
            ahead = times[place] + limit.window - now if place < len(times) else limit.window
        shut = self._blocked.get(limit.key)
        held = 0 if shut is None else min(max(shut.until - now, 0), shut.pause)
        return max(rounds * (limit.window + UNANSWERED) + ahead, held)


def _span(limit: Limit) -> int:
    return limit.window
