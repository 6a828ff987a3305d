"""What the policy makes of a verdict, before anything of it is kept."""

from receiver.domain.action import Action, Verdict
from receiver.domain.approving import ask, recounted, request_of
from receiver.domain.incident import Incident
from receiver.domain.policy import Access, Asker, Touched, may, refused
from receiver.domain.ruling import PolicyReason
from receiver.domain.silence import Silence, SilenceState


def begun(verdict: Verdict) -> tuple[Silence, ...]:
    """Return the silences that a verdict would begin or lengthen."""
    return tuple(one for one in verdict.silences if one.state is not SilenceState.EXPIRING)


def _looked_at(known: Incident, after: Incident, what: Touched) -> Touched:
    """Return what a preview touches: the alerts that it would mute, and no others."""
    shown = after.proposal
    if shown is None or shown == known.proposal:
        return what
    muted = [
        labels
        for labels in what.labels
        if all(labels.get(name, "") == value for name, value in shown.matchers)
    ]
    return what._replace(labels=tuple(muted) or what.labels)


def admit(
    access: Access, action: Action, known: Incident, verdict: Verdict, what: Touched, now: int
) -> Verdict:
    """Return the verdict if the rules permit what it changes, or a request, or the refusal.

    ``what`` is what the action touches; the silences that the verdict is about are added here.
    """
    if verdict.incident is None or verdict.own:
        return verdict
    silences = (*begun(verdict), *verdict.concerns)
    what = _looked_at(known, verdict.incident, what)
    asker = Asker(action.actor, action.place.partition(":")[2])
    ruling = may(access, asker, action.kind, what._replace(silences=silences), now)
    if ruling.reason is PolicyReason.NEEDS_APPROVAL:
        asked = request_of(action, begun(verdict), verdict.incident.source, what.muting, now)
        return ask(known, action, asked, now)
    if not ruling.permitted:
        return refused(action, ruling)
    return recounted(known, action, verdict, what.muting, now)
