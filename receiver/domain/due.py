"""What time alone does to an incident: silences end, acknowledgements lapse."""

from receiver.domain import ownership, silencing
from receiver.domain.action import Verdict
from receiver.domain.incident import Incident, Line
from receiver.domain.reason import ActionReason

_EACH = (silencing.lapse, ownership.lapse)


def fall_due(known: Incident, now: int) -> Verdict:
    """Decide all that has become due by now; nothing is due twice."""
    after, lines = known, list[Line]()
    for decide in _EACH:
        verdict = decide(after, now)
        if verdict.incident is not None:
            after = verdict.incident
            lines += verdict.lines
    if after is known:
        return Verdict(reason=ActionReason.REPEATED)
    return Verdict(reason=ActionReason.DONE, incident=after, lines=tuple(lines))


def next_due(incident: Incident) -> int | None:
    """Return when the clock must look at an incident again (Unix ms), or None."""
    times = (silencing.next_lapse(incident), ownership.next_lapse(incident))
    return min((time for time in times if time is not None), default=None)
