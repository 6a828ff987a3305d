"""What a silence by command does to the incident that keeps it."""

from collections.abc import Sequence

from receiver.domain.action import Action, Verdict, raise_revision
from receiver.domain.incident import Incident, Kind, Line, Member
from receiver.domain.reason import ActionReason
from receiver.domain.silence import COMMENT_LIMIT, LABELS_SCOPE, UNTIL, Silence, SilenceState
from receiver.domain.silencing import added


def request_matching(
    known: Incident, members: Sequence[Member], action: Action, now: int
) -> Verdict:
    """Record the intent to silence exactly what the action's matchers say, for ``lasts`` ms.

    Alertmanager would take a silence without a value for one of everything: it is refused here.
    """
    matchers = tuple(sorted(action.matchers))
    muted = [member for member in members if member.firing and covers(matchers, member.labels)]
    if known.kind is not Kind.ALERTS or not muted or not any(value for _, value in matchers):
        return Verdict(reason=ActionReason.NOTHING_TO_SILENCE)
    if action.lasts <= 0:
        return Verdict(reason=ActionReason.UNKNOWN_CHOICE)
    if action.lasts > action.rules.longest:
        return Verdict(reason=ActionReason.TOO_LONG)
    if any(one.live and one.matchers == matchers for one in known.silences):
        return Verdict(reason=ActionReason.ALREADY_SILENCED)
    wanted = Silence(
        id=action.id,
        state=SilenceState.REQUESTED,
        scope=LABELS_SCOPE,
        matchers=matchers,
        actor=action.actor,
        comment=action.comment[:COMMENT_LIMIT],
        asked_at=action.at,
        ends_at=action.at + action.lasts,
        lasts=UNTIL,
        place=action.place,
        trace=action.trace,
    )
    asked = raise_revision(known._replace(silences=added(known, wanted)), now, action.trace)
    detail = ", ".join(f"{name}={value}" for name, value in matchers)
    line = Line("silence_requested", f"command {detail}"[:COMMENT_LIMIT], action.actor.label)
    return Verdict(reason=ActionReason.REQUESTED, incident=asked, lines=(line,), silences=(wanted,))


def covers(matchers: Sequence[tuple[str, str]], labels: dict[str, str]) -> bool:
    """Say whether equality matchers accept a label set."""
    return all(labels.get(name, "") == value for name, value in matchers)
