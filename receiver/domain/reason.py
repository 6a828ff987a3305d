"""The closed sets of reasons: each decision names one, and the name is the metric label."""

from enum import StrEnum


class BodyReason(StrEnum):
    """What one accepted body did to its group's incident."""

    FIRST = "first"
    REOPENED = "reopened"
    SEVERITY_RAISED = "severity_raised"
    NEW_ALERTS = "new_alerts"
    SOME_RESOLVED = "some_resolved"
    ALL_RESOLVED = "all_resolved"
    TRUNCATED = "truncated"
    UPDATED = "updated"
    REPEAT = "repeat"
    DUPLICATE = "duplicate"
    UNKNOWN_RESOLVED = "unknown_resolved"
    MESSAGE = "message"


class TruthReason(StrEnum):
    """What the truth of a source did to an open incident of it, the most important first."""

    SUPERSEDED = "superseded"
    GONE = "gone"
    REFIRED = "refired"
    COMPLETED = "completed"
    SILENCE_ENDED = "silence_ended"
    UNSUPPRESSED = "unsuppressed"
    SUPPRESSED = "suppressed"
    INHIBITED = "inhibited"
    SILENCE_CHANGED = "silence_changed"
    STALE = "stale"
    FRESH = "fresh"
    SAME = "same"


class CardReason(StrEnum):
    """Why a card is created, edited, called for, or left alone."""

    FIRST = "first"
    LATE = "late"
    REOPENED = "reopened"
    SEVERITY_RAISED = "severity_raised"
    NEW_ALERTS = "new_alerts"
    SOME_RESOLVED = "some_resolved"
    ALL_RESOLVED = "all_resolved"
    SUPERSEDED = "superseded"  # its group is another one since its route changed
    APPROVAL = "approval"  # a second person is asked for, or has answered
    HANDLED = "handled"
    SILENCED = "silenced"
    UNSILENCED = "unsilenced"
    SILENCE_FAILED = "silence_failed"
    LAPSED = "lapsed"  # nobody confirmed the acknowledgement
    HANDED_OVER = "handed_over"
    ESCALATED = "escalated"  # nobody looked after it, and a step called people
    REMINDED = "reminded"  # the owners are asked whether they are still on it
    SUPPRESSED = "suppressed"  # by what is no silence of the card
    UNSUPPRESSED = "unsuppressed"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    CONFIRMED = "confirmed"
    NOTED = "noted"
    JOINED = "joined"  # new alerts that the owners take in, and nobody is called for
    TRUNCATED = "truncated"
    UPDATED = "updated"
    REPEAT = "repeat"
    STALE = "stale"  # its source cannot be asked
    FRESH = "fresh"  # it can again
    MESSAGE = "message"
    SETTLED_AGAIN = "settled_again"  # an edit repeated because its last outcome is unknown
    FLAPPING = "flapping"  # re-opened once more, and nobody is called for it
    DIGEST = "digest"  # many incidents gathered in one card
    DIGEST_CLOSED = "digest_closed"  # the storm is over
    MOVED = "moved"  # the fallback target took over
    REPLACED = "replaced"  # a new generation took the place of the old message
    UNCHANGED = "unchanged"
    NO_EDIT = "no_edit"
    NEVER_SHOWN = "never_shown"


class NotifyReason(StrEnum):
    """What people are called for by a reply to the card; per route ``notify``."""

    REOPENED = "reopened"
    NEW_ALERTS = "new_alerts"
    SEVERITY_RAISED = "severity_raised"
    LAPSED = "lapsed"
    REPEAT = "repeat"


class ActionReason(StrEnum):
    """What became of a click."""

    DONE = "done"
    REQUESTED = "requested"
    REPEATED = "repeated"
    ALREADY_ACKNOWLEDGED = "already_acknowledged"
    JOINED = "joined"  # beside those who had acknowledged
    ENOUGH_OWNERS = "enough_owners"
    LEADS_ALREADY = "leads_already"
    NOT_YOURS = "not_yours"  # an acknowledgement is taken back by its owner alone
    NOT_ACKNOWLEDGED = "not_acknowledged"
    ALREADY_SILENCED = "already_silenced"
    NOT_SILENCED = "not_silenced"
    NOTHING_TO_SILENCE = "nothing_to_silence"
    RESOLVED_ALREADY = "resolved_already"
    STILL_FIRING = "still_firing"
    OLD_CARD = "old_card"
    UNKNOWN_CARD = "unknown_card"
    UNKNOWN_CHOICE = "unknown_choice"
    NOBODY_CHOSEN = "nobody_chosen"
    NOTHING_WRITTEN = "nothing_written"
    NOTHING_TO_ESCALATE = "nothing_to_escalate"
    ESCALATING = "escalating"  # a step is being taken already
    CHANGED = "changed"  # a silence would mute something else than what it showed
    PREVIEWED = "previewed"  # what a silence would mute is shown; it is not made yet
    PREVIEW_OVER = "preview_over"  # nothing that was shown waits for this answer
    IN_THE_PAST = "in_the_past"  # a silence that ends before it begins
    ALREADY_KEPT = "already_kept"  # kept alive already, so there is no end to extend
    # What the policy refuses.
    NOT_PERMITTED = "not_permitted"
    UNKNOWN_PERSON = "unknown_person"
    TOO_WIDE = "too_wide"
    TOO_LONG = "too_long"
    OWN_REQUEST = "own_request"
    # A broad silence, for which the policy wants a second person.
    AWAITS_APPROVAL = "awaits_approval"
    ALREADY_ASKED = "already_asked"
    NOTHING_ASKED = "nothing_asked"


class State(StrEnum):
    """What an incident's card must say at a glance; it chooses the header's colour."""

    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    SUPPRESSED = "suppressed"
    RESOLVED = "resolved"
    NOTE = "note"
