"""A cluster whose network fails as a script says, in virtual time: the judge of the silencer."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from receiver.alertmanager.answer import (
    Created,
    Expired,
    Failure,
    Listed,
    Refused,
    Seen,
    Status,
    Unknown,
    Unreachable,
)
from receiver.alertmanager.silences import Outcome, Silencer, Surroundings
from receiver.domain.silence import Silence
from tests.alertmanager.made import NOW

PEERS = 2


class Fate(StrEnum):
    """What becomes of one call."""

    DONE = "done"
    LOST = "lost"  # not accepted, and the answer never comes
    KEPT = "kept"  # accepted, but the answer never comes
    LATE = "late"  # accepted only when the next request arrives
    AWAY = "away"  # surely not sent
    NO = "no"  # refused
    DIES = "dies"  # our process ends before the request is accepted
    DIES_KEPT = "dies_kept"  # our process ends after that


@dataclass(slots=True, kw_only=True)
class Cluster:
    """Alertmanager's side; ``made`` maps each silence that ever was to whether it mutes."""

    script: deque[Fate] = field(default_factory=deque)
    now: int = NOW
    made: dict[str, bool] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    posts: int = 0
    calls: list[str] = field(default_factory=list)
    counted: list[Outcome] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    ended_at_once: bool = False  # by somebody else
    gate: asyncio.Event | None = None  # creating waits for it
    called: asyncio.Event = field(default_factory=asyncio.Event)

    async def create(self, body: Mapping[str, object]) -> Created | Failure:
        """Create a silence as often as it is told to."""
        self.posts += 1
        fate = await self._fate("create")
        comment = str(body["comment"])
        if fate is Fate.LATE:
            self.late.append(comment)
            return Unknown("late")
        created = self.keep(comment) if effective(fate) else ""
        return answer_of(fate) or Created(created)

    async def silences(
        self,
        matchers: tuple[tuple[str, str], ...],  # noqa: ARG002  (a server may ignore filters)
    ) -> tuple[Listed | Failure, ...]:
        """Tell every peer's view: they agree, but a call may fail for one of them."""
        fate = await self._fate("silences")
        seen = tuple(
            Seen(id=one, status=Status("active" if lives else "expired"), comment=text)
            for (one, lives), text in zip(self.made.items(), self.comments.values(), strict=True)
        )
        failed = answer_of(fate)
        # One that was cut off may have missed what the other knows.
        return (Listed(()), failed) if failed else (Listed(seen),) * PEERS

    async def expire(self, silence_id: str) -> Expired | Failure:
        """End a silence."""
        fate = await self._fate("expire")
        known = silence_id in self.made
        if known and effective(fate):
            self.made[silence_id] = False
        return answer_of(fate) or Expired(gone=not known)

    async def wait(self, ms: int) -> None:
        """Let time pass."""
        self.now += ms
        await asyncio.sleep(0)

    @property
    def live(self) -> list[str]:
        """The silences that mute now."""
        return [one for one, lives in self.made.items() if lives]

    def silencer(self) -> Silencer:
        """Start a process that remembers nothing."""
        return Silencer(
            Surroundings(
                clients=lambda source: self if source == "prod" else None,
                clock=lambda: self.now,
                wait=self.wait,
                share=lambda: 0.5,
                count=lambda _, outcome: self.counted.append(outcome),
            )
        )

    def keep(self, comment: str) -> str:
        """Have a silence, and return its id."""
        name = f"s{len(self.made)}"
        self.made[name] = not self.ended_at_once
        self.comments[name] = comment
        return name

    async def _fate(self, call: str) -> Fate:
        self.calls.append(call)
        self.called.set()
        if call == "create":
            for comment in self.late:
                self.keep(comment)
            self.late.clear()
        await asyncio.sleep(0)
        if call == "create" and self.gate:
            await self.gate.wait()
        self.now += 10
        return self.script.popleft() if self.script else Fate.DONE


def marked(silence: Silence) -> str:
    """Return a comment that Alertmanager would show for it."""
    return f"x {silence.marker}"


def effective(fate: Fate) -> bool:
    """Say whether a call took effect, whatever was answered; one may end the task."""
    if fate is Fate.DIES:
        raise asyncio.CancelledError
    return fate in (Fate.DONE, Fate.KEPT, Fate.DIES_KEPT)


def answer_of(fate: Fate) -> Failure | None:
    """Return how a call failed, as far as its caller can tell; None where it did not."""
    if fate in (Fate.DIES, Fate.DIES_KEPT):
        raise asyncio.CancelledError
    if fate is Fate.NO:
        return Refused("HTTP 400: no")
    if fate is Fate.AWAY:
        return Unreachable("connection refused")
    return None if fate is Fate.DONE else Unknown("no answer in time")
