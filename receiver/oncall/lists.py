"""The on-call lists of a configuration: asked in the background, answered from memory."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import httpx
from structlog.typing import FilteringBoundLogger

from receiver.domain.oncall import Rotation, Shift, list_of, on_duty, on_shift
from receiver.oncall.remote import TOTAL, NoAnswer, Remote, fetch, read_calendar, read_people

DAY = 24 * 3_600_000
# A calendar that cannot be fetched any more still says who comes next.
AHEAD = 14 * DAY
BEHIND = DAY
ASK_AGAIN = 30_000  # ms after a failure, where the list is asked less often than that
LOOK_AGAIN = 60_000
LEARN_EVERY = 5 * 60_000
LEARNT_MOST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """One list: a rotation, or a place to ask."""

    name: str
    rotation: Rotation | None = None
    remote: Remote | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCallPorts:
    """What the lists need from outside.

    ``resolve`` returns the ids under which the platforms know a person; ``count`` is told each
    question, (list, whether it was answered).
    """

    http: httpx.AsyncClient
    now: Callable[[], int]
    sleep: Callable[[asyncio.Event, float], Awaitable[None]]
    resolve: Callable[[str], Awaitable[Sequence[str]]]
    count: Callable[[str, bool], None]
    log: FilteringBoundLogger
    patience: float = TOTAL  # seconds for a whole answer


class Standing(NamedTuple):
    """How a list stands: who is on call, how old the answer is (ms), what failed last."""

    name: str
    people: tuple[str, ...]
    age: int | None  # None: it never answered
    problem: str = ""


@dataclass(slots=True)
class _Kept:
    """What is known of a list that is asked."""

    shifts: tuple[Shift, ...] = ()
    answered_at: int | None = None
    ask_at: int = 0
    problem: str = ""
    read: tuple[bytes, int] = (b"", 0)  # what was read, and for which day


class OnCall:
    """Says at once who is on call; ``run`` asks those who know, until stopped."""

    def __init__(self, rosters: Iterable[Roster], ports: OnCallPorts) -> None:
        self._ports = ports
        self._rosters: dict[str, Roster] = {}
        self._kept: dict[str, _Kept] = {}
        self._ids: dict[str, frozenset[str]] = {}
        self._learn_at = 0
        self._woken = asyncio.Event()
        self._running = True
        self.adopt(rosters)

    def adopt(self, rosters: Iterable[Roster]) -> None:
        """Take over a new configuration; what did not change keeps its answer."""
        before, self._rosters = self._rosters, {each.name: each for each in rosters}
        same = {name for name, each in self._rosters.items() if before.get(name) == each}
        self._kept = {
            name: self._kept[name] if name in same else _Kept()
            for name, each in self._rosters.items()
            if each.remote is not None
        }
        self._learn_at = 0
        self._woken.set()

    @property
    def names(self) -> tuple[str, ...]:
        """The lists, in the order they are configured."""
        return tuple(self._rosters)

    def now(self, name: str) -> tuple[str, ...]:
        """Return who is on call, as e-mail addresses or open_ids; nobody where none is known."""
        roster = self._rosters.get(name)
        if roster is None:
            return ()
        now = self._ports.now()
        if roster.rotation is not None:
            return (on_duty(roster.rotation, now),)
        return on_shift(self._kept[name].shifts, now)

    def standing(self, name: str) -> Standing:
        """Return how a list stands."""
        kept = self._kept.get(name)
        if kept is None:
            return Standing(name, self.now(name), 0)
        asked = kept.answered_at
        age = None if asked is None else max(self._ports.now() - asked, 0)
        return Standing(name, self.now(name), age, kept.problem)

    def expand(self, mention: Sequence[str]) -> tuple[str, ...]:
        """Return mentions with each list replaced by who is on call now, everybody once."""
        found: dict[str, None] = {}
        for entry in mention:
            name = list_of(entry)
            people = self.now(name) if name else (entry,)
            if not people:
                self._ports.log.warning("nobody is on call", list=name)
            found.update(dict.fromkeys(people))
        return tuple(found)

    def lists_of(self, *ids: str) -> frozenset[str]:
        """Return the lists that name a person now, who has these ids or addresses; at once."""
        who = {each.casefold() for each in ids if each}
        return frozenset(
            name
            for name in self._rosters
            for person in self.now(name)
            if person.casefold() in who or who & self._ids.get(person, frozenset())
        )

    async def run(self) -> None:
        """Ask until stopped."""
        while self._running:
            self._woken.clear()
            try:
                pause = await self.tick()
            except Exception:  # the one place: the loop must go on
                self._ports.log.exception("fault of the on-call lists")
                pause = LOOK_AGAIN
            await self._ports.sleep(self._woken, pause / 1000)

    def stop(self) -> None:
        """Ask no more."""
        self._running = False
        self._woken.set()

    async def tick(self) -> int:
        """Ask what is due, all at once; return the ms until something is due again."""
        now = self._ports.now()
        due = [
            (name, roster.remote)
            for name, roster in self._rosters.items()
            if roster.remote is not None and self._due(self._kept[name], roster.remote, now)
        ]
        await asyncio.gather(*(self._ask(name, remote) for name, remote in due))
        if due or not now < self._learn_at <= now + LEARN_EVERY:
            self._learn_at = now + LEARN_EVERY
            await self._learn()
        soonest = min((kept.ask_at for kept in self._kept.values()), default=now + LOOK_AGAIN)
        return max(min(soonest - self._ports.now(), LOOK_AGAIN), 1)

    def _due(self, kept: _Kept, remote: Remote, now: int) -> bool:
        return kept.ask_at <= now or kept.ask_at > now + remote.every  # the clock was set back

    async def _ask(self, name: str, remote: Remote) -> None:
        kept, ports = self._kept[name], self._ports
        try:
            await self._read(kept, remote, await fetch(ports.http, remote, ports.patience))
        except NoAnswer as wrong:
            problem = str(wrong)
        except Exception as fault:
            ports.log.exception("fault while asking who is on call", list=name)
            problem = f"{type(fault).__name__}: please report this"
        else:
            problem = ""
        now = ports.now()
        ports.count(name, not problem)
        kept.ask_at = now + (min(remote.every, ASK_AGAIN) if problem else remote.every)
        if not problem:
            kept.answered_at = now
        if problem != kept.problem:
            level = ports.log.warning if problem else ports.log.info
            level("on-call list", list=name, problem=problem or "none any more")
            kept.problem = problem

    async def _read(self, kept: _Kept, remote: Remote, raw: bytes) -> None:
        now = self._ports.now()
        if not remote.calendar:
            kept.shifts = (Shift(0, 1 << 62, read_people(raw)),)
            return
        seen = (hashlib.sha256(raw).digest(), now // DAY)
        if kept.read == seen:
            return
        kept.shifts = await read_calendar(raw, remote.zone, now - BEHIND, now + AHEAD)
        kept.read = seen

    async def _learn(self) -> None:
        """Learn the ids of those who are on call, so that a click is known to be theirs."""
        people = {person for name in self._rosters for person in self.now(name)}
        emails = sorted(person for person in people if "@" in person)[:LEARNT_MOST]
        found = await asyncio.gather(*(self._ports.resolve(email) for email in emails))
        for email, ids in zip(emails, found, strict=True):
            if ids:
                self._ids[email] = frozenset(each.casefold() for each in ids)
        for gone in set(self._ids) - people:
            del self._ids[gone]
