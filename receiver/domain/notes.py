"""What people write about an incident, while it goes on and after its end."""

from receiver.domain.action import Action, Verdict, raise_revision
from receiver.domain.custody import Note
from receiver.domain.incident import Incident, Line
from receiver.domain.reason import ActionReason

NOTE_LIMIT = 500  # characters
NOTES_KEPT = 20  # with the incident; the timeline keeps all


def add_note(known: Incident, action: Action, now: int) -> Verdict:
    """Decide what a note does: it is kept with the incident, whatever its state."""
    text = action.comment.strip()[:NOTE_LIMIT]
    if not text:
        return Verdict(reason=ActionReason.NOTHING_WRITTEN)
    custody = known.custody
    kept = (*custody.notes, Note(action.actor, now, text))[-NOTES_KEPT:]
    noted = known._replace(custody=custody._replace(notes=kept, noted=custody.noted + 1))
    return Verdict(
        reason=ActionReason.DONE,
        incident=raise_revision(noted, now, action.trace),
        lines=(Line(action.kind, text, action.actor.label),),
    )
