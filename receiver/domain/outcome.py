"""What became of one call to a platform: a closed type, matched exhaustively."""

from dataclasses import dataclass
from enum import StrEnum


class RetryReason(StrEnum):
    """Why a call may be made again."""

    RATE_LIMITED = "rate_limited"
    CARD_LOCKED = "card_locked"
    IN_FLIGHT = "in_flight"  # the platform is still working on the same uuid
    TOKEN = "token"  # noqa: S105  (a reason, no password)
    UNREACHABLE = "unreachable"  # the request never left: nothing can have been accepted
    TIMEOUT = "timeout"
    CONNECTION_LOST = "connection_lost"
    SERVER_ERROR = "server_error"
    UNKNOWN_CODE = "unknown_code"

    @property
    def ambiguous(self) -> bool:
        """Whether the platform may have accepted the call all the same."""
        return self in _AMBIGUOUS


_AMBIGUOUS = frozenset(
    {
        RetryReason.TIMEOUT,
        RetryReason.CONNECTION_LOST,
        RetryReason.SERVER_ERROR,
        RetryReason.IN_FLIGHT,
        RetryReason.UNKNOWN_CODE,
    }
)


class RejectReason(StrEnum):
    """Why a call will never succeed as it is."""

    CONTENT = "content"  # the card is refused: a smaller rung may pass
    TOO_LARGE = "too_large"
    MENTION = "mention"  # a mention is refused: the same without it may pass
    SENSITIVE = "sensitive"  # the text is refused by an audit
    GONE = "gone"  # the message to edit no longer exists
    TOO_OLD = "too_old"  # the message can no longer be edited
    TARGET = "target"  # the chat, the bot or its rights: an operator must act
    CREDENTIALS = "credentials"
    QUOTA = "quota"
    REQUEST = "request"  # we spoke wrongly
    UNKNOWN_CODE = "unknown_code"  # retried for ten minutes without an explanation

    @property
    def ladder(self) -> bool:
        """Whether a plainer message may pass."""
        return self in (
            RejectReason.CONTENT,
            RejectReason.TOO_LARGE,
            RejectReason.SENSITIVE,
            RejectReason.REQUEST,
        )


@dataclass(frozen=True, slots=True)
class Delivered:
    """The platform's body said code 0; ``receipt`` is the message's id where it has one."""

    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again, not before ``after`` milliseconds have passed."""

    reason: RetryReason
    after: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Never as it is; ``detail`` names the platform's code and cure, and no secret."""

    reason: RejectReason
    detail: str = ""


Outcome = Delivered | Retry | Rejected
