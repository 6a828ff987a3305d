"""What time alone does to an incident: silences end or go on, acknowledgements lapse."""

from collections.abc import Callable

from receiver.domain import approving, keeping, ownership
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
    after, lines = first.incident, first.lines
    for decide in (ownership.lapse, approving.lapse):
        verdict = decide(after or known, now)
        if verdict.incident is not None:
            after, lines = verdict.incident, (*lines, *verdict.lines)
    if after is first.incident:
        return first
    return Verdict(reason=ActionReason.DONE, incident=after, lines=lines, silences=first.silences)


def next_due(incident: Incident) -> int | None:
    """Return when the clock must look at an incident again (Unix ms), or None."""
    times = (
        keeping.next_lapse(incident),
        ownership.next_lapse(incident),
        approving.next_lapse(incident),
    )
    return min((time for time in times if time is not None), default=None)
