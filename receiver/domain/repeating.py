"""What ended while it still fires, to be silenced again: our own silences, and other tools'."""

from collections.abc import Iterable
from typing import NamedTuple

from receiver.domain.incident import Incident, Kind, Member, suppressed
from receiver.domain.matcher import Operator
from receiver.domain.reason import ActionReason
from receiver.domain.scope import Matchers, label_key
from receiver.domain.silence import (
    DURATIONS,
    HOUR,
    LABELS_SCOPE,
    MINUTE,
    RESOLVED,
    UNTIL,
    Silence,
    SilenceState,
)
from receiver.domain.suppression import MATCHERS_MOST, Outside, unmarked

AGAIN_WITHIN = HOUR  # after its end a silence is offered again that long
SAME_SPAN = 2_000  # Alertmanager begins a silence at its own clock's now


class Again(NamedTuple):
    """A silence that is over, as it can be asked for again; times in ms.

    ``id`` names it in a click: nothing that came from outside is sent back. ``lasts`` is one of
    DURATIONS, RESOLVED or UNTIL, which means so long as ``span``.
    """

    id: str
    matchers: Matchers
    scope: str
    lasts: str
    span: int
    comment: str
    ended_at: int


def repeatable(known: Incident, chosen: str) -> Again | ActionReason:
    """Return the silence that a click means, or why it cannot be asked for again."""
    own = next((one for one in known.silences if one.id == chosen), None)
    if own is not None:
        return ActionReason.ALREADY_SILENCED if own.live else _own(own)
    foreign = (_foreign(one) for one in known.outside)
    found = next((one for one in foreign if one is not None and one.id == chosen), None)
    return ActionReason.UNKNOWN_CHOICE if found is None else found


def offered_again(
    known: Incident, members: Iterable[Member], longest: int, now: int
) -> Again | None:
    """Return the silence that ended last, while what it muted still fires."""
    over = known.closed_at is not None or known.kind is not Kind.ALERTS
    if over or any(one.live for one in known.silences):
        return None
    own = (_own(one) for one in known.silences if _ended_by_itself(one))
    foreign = (_foreign(one) for one in known.outside)
    found = [
        one
        for one in (*own, *(one for one in foreign if one and MINUTE <= one.span <= longest))
        if now - one.ended_at < AGAIN_WITHIN
    ]
    last = max(found, key=lambda one: (one.ended_at, one.id), default=None)
    if last is None:
        return None
    fires = any(
        member.firing and _covers(last, member.labels) and not suppressed(known, member)
        for member in members
    )
    return last if fires else None


def _covers(silence: Again, labels: dict[str, str]) -> bool:
    return all(labels.get(name, "") == value for name, value in silence.matchers)


def _ended_by_itself(silence: Silence) -> bool:
    expired = silence.state is SilenceState.EXPIRED and bool(silence.silence_id)
    return expired and not silence.unwanted and bool(silence.ended_at)


def _own(silence: Silence) -> Again:
    kept = silence.keep_until > 0
    lasts = silence.lasts if silence.lasts in DURATIONS else RESOLVED if kept else UNTIL
    return Again(
        silence.id,
        silence.matchers,
        silence.scope,
        lasts,
        silence.span,
        silence.comment,
        silence.ended_at,
    )


def _foreign(silence: Outside) -> Again | None:
    """Return another tool's silence, if it can be made here exactly: equality with values alone.

    Where as many matchers are kept as are ever kept, there may have been more, and without them
    it would mute more.
    """
    plain = all(
        name and value and operator == Operator.EQUAL for name, operator, value in silence.matchers
    )
    if not (silence.over and plain and 0 < len(silence.matchers) < MATCHERS_MOST):
        return None
    lasts = (name for name, span in DURATIONS.items() if abs(span - silence.span) <= SAME_SPAN)
    return Again(
        label_key("silence", silence.id),
        tuple(sorted((name, value) for name, _, value in silence.matchers)),
        LABELS_SCOPE,
        next(lasts, UNTIL),
        silence.span,
        unmarked(silence.comment),
        silence.ends_at,
    )
