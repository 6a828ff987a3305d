"""What time alone does to an incident: silences end or go on, acknowledgements lapse."""

from collections.abc import Callable

from receiver.domain import keeping, ownership
from receiver.domain.action import Verdict
from receiver.domain.incident import Incident
from receiver.domain.reason import ActionReason
from receiver.domain.silence import Silence


def always(_: Silence) -> bool:
    """Take it that what a silence mutes still fires."""
    return True


def fall_due(known: Incident, now: int, fires: Callable[[Silence], bool] = always) -> Verdict:
    """Decide all that has become due by now; nothing is due twice.

    ``fires`` says whether anything still fires that a silence mutes.
    """
    first = keeping.lapse(known, fires, now)
    then = ownership.lapse(first.incident or known, now)
    if then.incident is None:
        return first
    return Verdict(
        reason=ActionReason.DONE,
        incident=then.incident,
        lines=(*first.lines, *then.lines),
        silences=first.silences,
    )


def next_due(incident: Incident) -> int | None:
    """Return when the clock must look at an incident again (Unix ms), or None."""
    times = (keeping.next_lapse(incident), ownership.next_lapse(incident))
    return min((time for time in times if time is not None), default=None)
