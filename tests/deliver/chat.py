"""A channel that behaves: it draws, keeps messages, and fails as it is told."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from receiver.channels.base import Limit, Quota, View
from receiver.domain.card import (
    Call,
    Rung,
    picture,
)
from receiver.domain.outcome import Outcome, Rejected, RejectReason
from tests.domain.platform import Fault, Platform

Turn = Fault | Outcome | Exception


class Made(NamedTuple):
    """A call that was made."""

    call: Call
    to: str
    content: dict[str, Any]
    uuid: str
    began: int
    ended: int


@dataclass(slots=True, kw_only=True)
class Account:
    """What a chat and a group bot have in common; ``turns`` is the script of what goes wrong."""

    name: str
    kind: str
    clock: Callable[[], int]
    platform: Platform = field(default_factory=Platform)
    turns: deque[Turn] = field(default_factory=deque)
    made: list[Made] = field(default_factory=list)
    most: int = 1000
    window: int = 1000
    shared: tuple[Limit, ...] = ()  # what all chats of the account have in common
    undrawable: frozenset[Rung] = frozenset()
    refuses: str = ""  # the reason of the messages that are refused for good
    gate: asyncio.Event | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def limits(self, call: Call, address: str, message_id: str) -> tuple[Limit, ...]:
        """Return the account's limits, the chat's, and a message's own."""
        chat = Limit(f"{self.name}:{call}:{address}", self.most, self.window, "chat")
        if not message_id:
            return (*self.shared, chat)
        return (*self.shared, chat, Limit(f"message:{message_id}", 5, 1000, "message"))

    async def people(self, mention: Sequence[str]) -> tuple[str, ...]:
        """Resolve everybody."""
        return tuple(f"id-of-{one}" for one in mention)

    def render(self, view: View, rung: Rung) -> str:
        """Draw as JSON, plainly."""
        if rung in self.undrawable:
            raise ValueError("this cannot be drawn")
        shown = picture(view.incident, view.members)
        return json.dumps(
            {
                "incident": view.incident.id,
                "revision": view.incident.revision,
                "reason": view.reason,
                "rung": rung.name,
                "people": view.people,
                "state": shown.state,
                "firing": shown.firing,
                "gathered": []
                if view.digest is None
                else [one.incident for one in view.digest.gathered],
            }
        )

    async def send(self, address: str, content: str, uuid: str) -> Outcome:
        """Take a new message."""
        call = Call.CREATE if self.kind == "feishu_app" else Call.POST
        return await self._take(
            (call, address, content, uuid),
            lambda fault: self.platform.send(call, uuid, content, fault, self.clock()),
        )

    def calls(self, *kinds: Call) -> list[Made]:
        """Return the calls of these kinds."""
        return [one for one in self.made if one.call in kinds]

    def story(self) -> list[tuple[str, str]]:
        """Return what was called, and why."""
        return [(one.call.value, one.content["reason"]) for one in self.made]

    async def _take(
        self, told: tuple[Call, str, str, str], act: Callable[[Fault], Outcome]
    ) -> Outcome:
        call, to, content, uuid = told
        began = self.clock()
        if self.refuses and json.loads(content)["reason"] == self.refuses:
            return Rejected(RejectReason.CONTENT, "refused")
        turn = self.turns.popleft() if self.turns else Fault.NONE
        outcome = act(turn) if isinstance(turn, Fault) else turn
        self.arrived.set()
        if self.gate is not None:
            await self.gate.wait()
        self.made.append(Made(call, to, json.loads(content), uuid, began, self.clock()))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class Crowded(Account):
    """A group bot that keeps away from a moment of every minute, but for critical cards."""

    def spread(self, card: int, now: int) -> int:
        """Wait for the tenth second of the minute, and a little longer by number."""
        return max(10_000 + card - now % 60_000, 0)


class Bot(Account):
    """A group bot: what is posted stays as it is."""


@dataclass(slots=True, kw_only=True)
class Chat(Account):
    """An app's chat: messages can be changed and answered."""

    quota: Quota = Quota("default")  # noqa: RUF009  (an immutable value)

    async def patch(self, message_id: str, content: str) -> Outcome:
        """Change a message."""
        return await self._take(
            (Call.PATCH, message_id, content, ""),
            lambda fault: self.platform.patch(message_id, content, fault, self.clock()),
        )

    def render_reply(self, view: View) -> str:
        """Draw the short reply."""
        return self.render(view, Rung.WHOLE)

    async def reply(self, message_id: str, content: str, uuid: str) -> Outcome:
        """Answer to a message."""
        return await self._take(
            (Call.REPLY, message_id, content, uuid),
            lambda fault: self.platform.reply(message_id, uuid, fault, self.clock()),
        )
