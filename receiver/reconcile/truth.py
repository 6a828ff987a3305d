"""Asks each source for its truth, and has the open incidents brought in line with it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from structlog.typing import FilteringBoundLogger

from receiver.domain.incident import Rules
from receiver.domain.reason import TruthReason
from receiver.domain.reconcile import Place, TruthRules
from receiver.domain.truth import EXPIRED, Truth, Unanswered
from receiver.store.base import Store, Unavailable
from receiver.telemetry.reconcile_metrics import Reconciling

# So many ms after the end of a silence its source has noticed it too, and told its peers.
AFTER_END = 500
APART = 500  # ms between the end of one round and the next, however much hurries
# A large source that is hurried all the time rests so many times as long as a round took.
REST = 2
SPREAD = 0.1  # the share of the period by which rounds differ, so that sources do not march
AFTER_FAULT = 5_000  # ms

# What is wrong, what to do, what makes it the same trouble again, and whether it lasts.
Trouble = Callable[[str, str, str, bool], Awaitable[None]]


class Asker(Protocol):
    """What can be asked for a source's truth."""

    async def truth(self, now: int) -> Truth | Unanswered:
        """Ask as of now (Unix ms); nothing expected is raised."""


class Subject(NamedTuple):
    """A source as configured: whom to ask, how often, and what to make of it; times in ms."""

    asker: Asker
    every: int
    warm_up: int
    stale_after: int
    rules: Rules
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What the reconciler reaches; ``subjects`` are those of the configuration in force.

    ``configured`` names those that cannot be asked too. ``luck`` is a number in [0, 1).
    ``sleep`` waits for an event, for so many seconds at most.
    """

    subjects: Callable[[], Mapping[str, Subject]]
    configured: Callable[[], Collection[str]]
    store: Store
    metrics: Reconciling
    log: FilteringBoundLogger
    now: Callable[[], int]
    timer: Callable[[], float]
    luck: Callable[[], float]
    sleep: Callable[[asyncio.Event, float], Awaitable[None]]
    wake: Callable[[], None]
    trouble: Trouble


_FORSAKEN = Unanswered("it is configured no more")


def _title(source: str) -> str:
    return f"{source}: Alertmanager cannot be asked, its cards may be out of date"


def _cause(source: str) -> str:
    return f"unanswered:{source}"


class _Course:
    """One source's rounds, one after another."""

    def __init__(self, name: str, means: Means) -> None:
        self._name = name
        self._means = means
        self._bell = asyncio.Event()
        # Unknown before the first answer: as if it had answered just before the start.
        self._answered_at = means.now()
        self._told: bool | None = None  # what the operators were told: None for nothing yet

    def ring(self) -> None:
        """Ask at once; what rings meanwhile is one round."""
        self._bell.set()

    async def run(self) -> None:
        """Go on until cancelled, or until the source is no longer configured."""
        while (subject := self._means.subjects().get(self._name)) is not None:
            self._bell.clear()
            started = self._means.timer()
            try:
                pause = await self._round(subject)
            except Unavailable as failure:
                self._means.log.warning(
                    "truth waits for the store", source=self._name, problem=str(failure)
                )
                pause = AFTER_FAULT
            except Exception:
                self._means.metrics.runs.of(self._name, "failed").inc()
                self._means.log.exception("fault of the reconciler", source=self._name)
                pause = AFTER_FAULT
            took = round((self._means.timer() - started) * 1000)
            apart = max(APART, min(REST * took, subject.every))
            await self._means.sleep(asyncio.Event(), apart / 1000)
            await self._means.sleep(self._bell, max(pause - apart, 0) / 1000)

    async def _round(self, subject: Subject) -> int:
        """Ask, correct, and return after how many ms to ask again."""
        means, name = self._means, self._name
        started, asked = means.timer(), means.now()
        told = await self._ask(subject, asked)
        now = means.now()
        if isinstance(told, Truth):
            self._answered_at = told.at
        rules = TruthRules(
            rules=subject.rules,
            warm_up=subject.warm_up,
            stale_after=subject.stale_after,
            answered_at=min(self._answered_at, now),
            place=subject.place,
        )
        done = await means.store.reconcile(name, told, rules, now)
        means.metrics.duration.of(name).observe(means.timer() - started)
        for reason, count in done.corrected.items():
            means.metrics.corrections.of(name, reason).inc(count)
        if done.corrected:
            means.wake()
            means.log.info("corrected", source=name, **_counted(done.corrected))
        await self._tell(told, subject, now)
        return self._pause(told, subject, now)

    async def _ask(self, subject: Subject, asked: int) -> Truth | Unanswered:
        """Ask; a fault of ours is no answer either, and after a while the cards must say so."""
        try:
            return await subject.asker.truth(asked)
        except Exception as fault:
            self._means.log.exception("fault while asking", source=self._name)
            return Unanswered(f"a fault of the receiver: {type(fault).__name__}; see its log")

    async def _tell(self, told: Truth | Unanswered, subject: Subject, now: int) -> None:
        """Count the round, and tell the operators of a source that cannot be asked."""
        means, name = self._means, self._name
        if isinstance(told, Truth):
            means.metrics.runs.of(name, "answered").inc()
            if name in means.subjects():  # a reload may have removed it, and its gauge
                means.metrics.answered.of(name).set(told.at / 1000)
            for problem in told.unanswered:
                means.log.warning("a peer gave no answer", source=name, problem=problem)
            await self._say(told, lasts=False)
            return
        means.metrics.runs.of(name, "unanswered").inc()
        means.log.warning("source cannot be asked", source=name, problem=told.problem)
        if now - self._answered_at >= subject.stale_after:
            await self._say(told, lasts=True)

    async def _say(self, told: Truth | Unanswered, *, lasts: bool) -> None:
        if self._told is lasts:
            return
        self._told = lasts
        name = self._name
        text = told.problem if isinstance(told, Unanswered) else "It answers again."
        await self._means.trouble(_title(name), text, _cause(name), lasts)

    def _pause(self, told: Truth | Unanswered, subject: Subject, now: int) -> int:
        pause = int(subject.every * (1 + SPREAD * (2 * self._means.luck() - 1)))
        ends = next_end(told, now) if isinstance(told, Truth) else None
        return pause if ends is None else min(pause, max(ends + AFTER_END - now, APART))


def _counted(corrected: Mapping[TruthReason, int]) -> dict[str, int]:
    return {str(reason): count for reason, count in corrected.items()}


def next_end(told: Truth, now: int) -> int | None:
    """Return when the first silence that mutes something now will end (Unix ms), or None."""
    muting = {one for alert in told.alerts.values() for one in alert.silenced_by}
    return min(
        (
            silence.ends_at
            for silence in told.silences
            if silence.id in muting and silence.state != EXPIRED and silence.ends_at > now
        ),
        default=None,
    )


class Reconciler:
    """A course for each source that can be asked; a fault of one delays no other."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._courses: dict[str, _Course] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._stopped = False

    def hurry(self, source: str) -> None:
        """Ask a source at once: something happened that only it can tell the truth of."""
        course = self._courses.get(source)
        if course is not None:
            course.ring()

    def reload(self) -> None:
        """Take up the sources of a new configuration, and ask all at once."""
        self._changed.set()

    def stop(self) -> None:
        """Begin no more rounds."""
        self._stopped = True
        self._changed.set()

    async def run(self) -> None:
        """Keep a course running for each configured source until stopped."""
        try:
            while not self._stopped:
                self._changed.clear()
                self._take_up()
                await self._forsake()
                await self._changed.wait()
        finally:
            await self._end()

    def _take_up(self) -> None:
        names = self._means.subjects().keys()
        for name in [name for name in self._tasks if self._tasks[name].done()]:
            del self._tasks[name], self._courses[name]
        for course in self._courses.values():
            course.ring()  # one that is configured no more ends by itself
        for name in names - self._tasks.keys():
            course = self._courses[name] = _Course(name, self._means)
            self._tasks[name] = asyncio.create_task(course.run())

    async def _forsake(self) -> None:
        """Mark the open cards of sources that are configured no more: nobody tells of them."""
        means = self._means
        try:
            left = set(await means.store.open_sources()) - set(means.configured())
            for name in sorted(left):
                now = means.now()
                rules = TruthRules(stale_after=0, answered_at=now)
                done = await means.store.reconcile(name, _FORSAKEN, rules, now)
                if done.corrected:
                    means.wake()
                    means.log.warning("source is configured no more", source=name)
                await means.trouble(_title(name), "It is configured no more.", _cause(name), False)
        except Unavailable as failure:
            means.log.warning("truth waits for the store", problem=str(failure))

    async def _end(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
