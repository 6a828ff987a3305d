"""What a person's click asks for, and what becomes of it."""

from dataclasses import dataclass
from enum import StrEnum

from receiver.domain.audit import trail
from receiver.domain.incident import Incident, Line, Member
from receiver.domain.person import Actor
from receiver.domain.proposal import Found
from receiver.domain.reason import ActionReason
from receiver.domain.ruling import Ruling
from receiver.domain.silence import COMMENT_LIMIT, GROUP_SCOPE, Silence, SilenceRules


class ActionKind(StrEnum):
    """The things a card's controls can ask for."""

    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "unacknowledge"
    CONFIRM = "confirm"
    HAND_OVER = "hand_over"
    NOTE = "note"
    SILENCE = "silence"
    UNSILENCE = "unsilence"
    PREVIEW = "preview"  # of a silence
    CONFIRM_SILENCE = "confirm_silence"  # the one that was previewed
    CANCEL = "cancel"  # what was previewed
    EXTEND = "extend"  # a silence
    RESILENCE = "resilence"  # what a silence muted that has ended
    RESOLVE = "resolve"
    APPROVE = "approve"
    DECLINE = "decline"
    ESCALATE = "escalate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One click; ``id`` is the same for the same click however often it arrives."""

    id: str
    kind: ActionKind
    incident: int
    actor: Actor
    at: int
    card: int = 0
    generation: int = 0
    scope: str = GROUP_SCOPE
    duration: str = ""
    comment: str = ""  # of a note: its text
    silence: str = ""  # the silence's id, or the preview's; to end or extend, empty for all
    trace: str = ""
    revision: int = 0  # of a digest, as clicked: what it showed then is acted on
    place: str = ""  # where it was clicked: the app's name and the chat, as in targets
    to: Actor | None = None  # for a hand-over: the chosen person
    until: int = 0  # the moment that a duration means which is a time of day
    labels: tuple[str, ...] = ()  # the chosen ones, by ``label_key``: they win over the scope
    found: Found | None = None  # what the silence would mute, where somebody is to see it first
    rules: SilenceRules = SilenceRules()  # noqa: RUF009  (a frozen value)
    matchers: tuple[tuple[str, str], ...] = ()  # of a silence by command: they are its scope,
    lasts: int = 0  # and so many ms its duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an action changes; ``incident`` is None when it changes nothing."""

    reason: ActionReason
    incident: Incident | None = None
    lines: tuple[Line, ...] = ()
    silences: tuple[Silence, ...] = ()  # those that Alertmanager must now be told of
    members: tuple[Member, ...] = ()  # alerts that the action itself ends
    done: int = 0  # of a digest: the incidents that the action changed,
    left: int = 0  # and those that it left as they were
    ruling: Ruling | None = None  # of the policy, where it refused: what would help
    refused: int = 0  # of a digest: the incidents that the policy kept from the clicker
    quiet: bool = False  # no card shows what changed
    concerns: tuple[Silence, ...] = ()  # silences that the permission depends on, not begun by it
    own: bool = False  # takes back what the clicker asked for, which needs no permission


def raise_revision(incident: Incident, now: int, trace: str) -> Incident:
    """Return the incident one revision later."""
    return incident._replace(
        revision=incident.revision + 1, changed_at=now, trace=trace or incident.trace
    )


def told(action: Action, verdict: Verdict) -> tuple[Line, ...]:
    """Return what the timeline keeps of a click: there is a line of each, whatever became of it."""
    said = Line("click", action.kind, action.actor.label)
    by = trail(action.actor, action.place, verdict.reason, action.trace)
    return tuple(line._replace(trail=by) for line in verdict.lines or (said,))


def done(incident: Incident, action: Action, now: int) -> Verdict:
    """Return the verdict that the action is done, and this is the incident now."""
    return Verdict(
        reason=ActionReason.DONE,
        incident=raise_revision(incident, now, action.trace),
        lines=(Line(action.kind, action.comment[:COMMENT_LIMIT], action.actor.label),),
    )
