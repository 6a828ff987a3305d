"""A platform as the decisions meet it: it keeps messages, remembers ids for an hour, and fails."""

from dataclasses import dataclass, field
from enum import StrEnum

from receiver.domain.card import Call
from receiver.domain.outcome import Delivered, Outcome, Rejected, RejectReason, Retry, RetryReason
from tests.domain.made import HOUR

REMEMBERED = HOUR
EDITABLE = 14 * 24 * HOUR


class Fault(StrEnum):
    """What goes wrong with one call."""

    NONE = "none"
    LOST_ANSWER = "lost_answer"  # accepted, and nobody learns of it
    LOST_REQUEST = "lost_request"  # not accepted, and nobody knows
    LIMITED = "limited"
    LOCKED = "locked"
    UNREACHABLE = "unreachable"
    CONTENT = "content"
    MENTION = "mention"
    NO_RIGHT = "no_right"


_REFUSED: dict[Fault, Outcome] = {
    Fault.LOST_REQUEST: Retry(RetryReason.TIMEOUT),
    Fault.LIMITED: Retry(RetryReason.RATE_LIMITED, 500),
    Fault.LOCKED: Retry(RetryReason.CARD_LOCKED),
    Fault.UNREACHABLE: Retry(RetryReason.UNREACHABLE),
    Fault.CONTENT: Rejected(RejectReason.CONTENT),
    Fault.MENTION: Rejected(RejectReason.MENTION),
    Fault.NO_RIGHT: Rejected(RejectReason.TARGET),
}


@dataclass(slots=True, kw_only=True)
class Posted:
    """A message in the chat."""

    id: str
    call: Call
    uuid: str
    content: str
    at: int
    gone: bool = False


@dataclass(slots=True)
class Platform:
    """Takes calls; ``asked`` is every create that reached it or may have, in order."""

    messages: dict[str, Posted] = field(default_factory=dict)
    asked: list[tuple[str, str, int]] = field(default_factory=list)  # uuid, content, when
    _ids: dict[str, tuple[str, int]] = field(default_factory=dict)

    def send(self, call: Call, uuid: str, content: str, fault: Fault, now: int) -> Outcome:
        """Take a new message; one with an id that is remembered is the same one again."""
        if call is Call.CREATE:
            self.asked.append((uuid, content, now))
        known = self._ids.get(uuid)
        again = known is not None and now - known[1] < REMEMBERED
        refused = _REFUSED.get(fault)
        if refused is not None and not (again and isinstance(refused, Rejected)):
            return refused
        message_id = known[0] if again and known else f"om_{len(self.messages) + 1}"
        if not again:
            self.messages[message_id] = Posted(
                id=message_id, call=call, uuid=uuid, content=content, at=now
            )
            self._ids[uuid] = (message_id, now)
        if fault is Fault.LOST_ANSWER:
            return Retry(RetryReason.TIMEOUT)
        return Delivered(message_id)

    def patch(self, message_id: str, content: str, fault: Fault, now: int) -> Outcome:
        """Change a message."""
        message = self.messages[message_id]
        if message.gone:
            return Rejected(RejectReason.GONE)
        if now - message.at > EDITABLE:
            return Rejected(RejectReason.TOO_OLD)
        if fault in _REFUSED:
            return _REFUSED[fault]
        message.content = content
        return Retry(RetryReason.TIMEOUT) if fault is Fault.LOST_ANSWER else Delivered()

    def reply(self, message_id: str, uuid: str, fault: Fault, now: int) -> Outcome:
        """Answer to a message."""
        if self.messages[message_id].gone:
            return Rejected(RejectReason.GONE)
        return self.send(Call.REPLY, uuid, "reply", fault, now)

    def recall(self, number: int) -> None:
        """Have a person take a message back."""
        if self.messages:
            list(self.messages.values())[number % len(self.messages)].gone = True

    def of(self, call: Call) -> list[Posted]:
        """Return the messages that one kind of call made."""
        return [message for message in self.messages.values() if message.call is call]
