"""How long a silence lasts: what a person chose, as an end."""

from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from receiver.domain.reason import ActionReason
from receiver.domain.silence import DURATIONS, KEPT_FOR, MINUTE, RESOLVED, TOMORROW, UNTIL

MORNING = time(9)
LEAST = MINUTE  # what ends sooner is over before anyone has read of it

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Lasting(NamedTuple):
    """When a silence ends, and until when it is kept alive (0: not at all); Unix ms."""

    chosen: str
    ends_at: int
    keep_until: int = 0


def lasting(chosen: str, until: int, at: int, longest: int) -> Lasting | ActionReason:
    """Return when a silence ends that somebody asks for at a time, or why it may not.

    ``until`` is the moment meant by TOMORROW or UNTIL. It ends within ``longest``, whatever was
    chosen; what is kept alive is given up then.
    """
    if chosen == RESOLVED:
        return Lasting(chosen, at + min(KEPT_FOR, longest), at + longest)
    if chosen in DURATIONS:
        until = at + DURATIONS[chosen]
    elif chosen not in (TOMORROW, UNTIL):
        return ActionReason.UNKNOWN_CHOICE
    if until - at < LEAST:
        return ActionReason.IN_THE_PAST
    return Lasting(chosen, until) if until - at <= longest else ActionReason.TOO_LONG


def tomorrow(at: int, zone: tzinfo) -> int:
    """Return the morning of the day after a moment, by the clocks of a zone; Unix ms."""
    here = (_EPOCH + timedelta(milliseconds=at)).astimezone(zone)
    morning = datetime.combine(here.date() + timedelta(days=1), MORNING, zone)
    return round(morning.timestamp() * 1000)


def offered(longest: int) -> tuple[str, ...]:
    """Return the choices that a limit leaves."""
    fixed = [name for name, span in DURATIONS.items() if span <= longest]
    # Tomorrow's morning is up to 33 hours away, or 34 where the clocks are set back.
    morning = [TOMORROW] if longest >= 34 * 60 * MINUTE else []
    return (*fixed, *morning, RESOLVED)
