"""What people did about an incident: who took it, who silenced it, until when and why."""

from receiver.channels.base import View
from receiver.channels.feishu.approvals import approval_lines
from receiver.channels.feishu.escalation_lines import escalation_lines
from receiver.channels.feishu.facts import Facts
from receiver.channels.feishu.markdown import grey, moment, short
from receiver.channels.feishu.parts import joined, markdown
from receiver.channels.feishu.silence_controls import over_lately
from receiver.channels.feishu.silence_form import MATCHERS_MOST, matchers_text
from receiver.channels.feishu.size import Json
from receiver.domain.incident import Incident, Kind
from receiver.domain.ownership import is_asked, owned_until, owners
from receiver.domain.person import Actor
from receiver.domain.reason import State
from receiver.domain.silence import (
    GROUP_SCOPE,
    LABELS_SCOPE,
    RESOLVED,
    SHARED_SCOPE,
    Silence,
    SilenceState,
)
from receiver.phrases import Phrase, Said, say

NAME_LIMIT = 40
NAMES_MOST = 5
NOTES_MOST = 2
NOTE_SHOWN = 200
PROBLEM_LIMIT = 200
WHY_LIMIT = 200
# Which silences matter most to somebody who opens the card.
_FIRST = (
    SilenceState.FAILED,
    SilenceState.REQUESTED,
    SilenceState.EXTENDING,
    SilenceState.ACTIVE,
    SilenceState.EXPIRING,
    SilenceState.EXPIRED,
)
_PHRASES = {
    SilenceState.REQUESTED: ("⏳", Phrase.SILENCE_REQUESTED),
    SilenceState.ACTIVE: ("🔕", Phrase.SILENCE_ACTIVE),
    SilenceState.EXTENDING: ("⏳", Phrase.SILENCE_EXTENDING),
    SilenceState.EXPIRING: ("⏳", Phrase.SILENCE_EXPIRING),
    SilenceState.EXPIRED: ("🔔", Phrase.SILENCE_EXPIRED),
    SilenceState.FAILED: ("⚠️", Phrase.SILENCE_FAILED),
}

_SCOPES = {
    GROUP_SCOPE: Phrase.SCOPE_GROUP,
    SHARED_SCOPE: Phrase.SCOPE_SHARED,
    LABELS_SCOPE: Phrase.SCOPE_LABELS,
}


_ELSEWHERE = {
    SilenceState.ACTIVE: Phrase.SILENCE_ELSEWHERE,
    SilenceState.EXPIRED: Phrase.SILENCE_OVER_ELSEWHERE,
}


def name_of(actor: Actor) -> str:
    """Return a person's name, escaped."""
    return short(actor.label, NAME_LIMIT) or "?"


def people_lines(view: View, facts: Facts, most: int) -> list[Json]:
    """Return the lines about people, at most ``most`` of them about silences."""
    return [
        *_owners(view, facts),
        *escalation_lines(view),
        *approval_lines(view, facts),
        *_silences(view, facts, most),
        *_notes(view.incident, min(most, NOTES_MOST)),
    ]


def _notes(incident: Incident, most: int) -> list[Json]:
    """Say how many notes there are, and what the last ones say."""
    custody = incident.custody
    if not custody.noted:
        return []
    drawn = [markdown(joined(("📝", say(Phrase.NOTES, count=custody.noted)), " "))]
    for note in custody.notes[-most:]:
        said = f"> **{name_of(note.actor)}** {moment(note.at)} {short(note.text, NOTE_SHOWN)}"
        drawn.append(markdown(said, small=True))
    return drawn


def _owners(view: View, facts: Facts) -> list[Json]:
    incident = view.incident
    found: list[Json] = []
    if incident.ack is not None:
        found += _acknowledged(incident, incident.ack.at, facts)
    if incident.handled is not None:
        closed = incident.kind is not Kind.ALERTS
        said = say(
            Phrase.CLOSED_BY if closed else Phrase.HANDLED_BY,
            who=name_of(incident.handled.actor),
            time=moment(incident.handled.at),
        )
        parts: list[Said | str] = [joined(("☑️", said), " ")]
        if facts.firing and not closed and facts.state is not State.RESOLVED:
            parts.append(joined(("⚠️", say(Phrase.STILL_FIRES)), " "))
        found.append(markdown(joined(parts, "\n")))
    return found


def _acknowledged(incident: Incident, at: int, facts: Facts) -> list[Json]:
    """Say who acknowledged, the lead first, until when, and whether they are asked to confirm."""
    having = [f"**{name_of(owner.actor)}**" for owner in owners(incident)]
    shown, more = having[:NAMES_MOST], len(having) - NAMES_MOST
    each = [
        say(Phrase.ACKNOWLEDGED_BY, who=f"{between.join(shown)}{others}", time=moment(at))[language]
        for language, (between, others) in enumerate(_others(more))
    ]
    parts: list[Said | str] = [joined(("👤", Said(*each)), " ")]
    if facts.state is State.RESOLVED:
        return [markdown(parts[0])]
    parts.append(say(Phrase.ACKNOWLEDGED_UNTIL, until=moment(owned_until(incident))))
    drawn = [markdown(joined(parts, " · "))]
    if is_asked(incident):
        drawn.append(markdown(joined(("⏰", say(Phrase.ASKED)), " ")))
    return drawn


def _others(more: int) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return, for each language, what stands between names, and what after the last."""
    said = say(Phrase.OTHERS, count=more)
    zh, en = said if more > 0 else ("", "")
    return ("、", zh), (", ", f" {en}" if en else "")


def _silences(view: View, facts: Facts, most: int) -> list[Json]:
    silences, last = view.incident.silences, over_lately(view)
    ended = "" if last is None else last.id
    shown = sorted(
        silences, key=lambda silence: (_FIRST.index(silence.state), -silence.asked_at, silence.id)
    )
    if facts.state is State.RESOLVED:
        shown = [silence for silence in shown if silence.holds]
    lines = [
        line for silence in shown[:most] for line in _silence(silence, fires=silence.id == ended)
    ]
    if len(shown) > most:
        more = say(Phrase.MORE_SILENCES, count=len(shown) - most)
        lines.append(markdown(Said(grey(more.zh_cn), grey(more.en_us)), small=True))
    return lines


def _silence(silence: Silence, *, fires: bool) -> list[Json]:
    mark, phrase = _stands(silence, fires=fires)
    scope = say(_SCOPES.get(silence.scope, Phrase.SCOPE_ALERT))
    extending = silence.state is SilenceState.EXTENDING and not silence.keep_until
    who = name_of((silence.extender if extending else None) or silence.actor)
    until = _until(silence)
    said = Said(
        say(phrase, who=who, until=until.zh_cn, scope=scope.zh_cn).zh_cn,
        say(phrase, who=who, until=until.en_us, scope=scope.en_us).en_us,
    )
    parts: list[Said | str] = [joined((mark, said), " ")]
    if silence.elsewhere and silence.state in _ELSEWHERE:
        parts[0] = joined((parts[0], say(_ELSEWHERE[silence.state])), " · ")
    if silence.problem:
        problem = short(silence.problem, PROBLEM_LIMIT)
        kept = Phrase.SILENCE_UNEXTENDED if silence.unextended else Phrase.SILENCE_KEPT
        active = silence.state is SilenceState.ACTIVE
        parts.append(joined((say(kept), problem), " · ") if active else problem)
    lines = [markdown(joined(parts, "\n"))]
    if silence.scope == LABELS_SCOPE:
        lines.append(markdown(grey(matchers_text(silence.matchers, MATCHERS_MOST)), small=True))
    if silence.comment.strip():
        why = short(silence.comment, WHY_LIMIT)
        if why:
            lines.append(markdown(f"> {why}", small=True))
    return lines


def _stands(silence: Silence, *, fires: bool) -> tuple[str, Phrase]:
    if fires and silence.state is SilenceState.EXPIRED:
        return "🔔", Phrase.SILENCE_ENDED_FIRING
    if silence.kept:
        return _PHRASES[SilenceState.ACTIVE]  # that it is kept alive is not told each time
    return _PHRASES[silence.state]


def _until(silence: Silence) -> Said:
    if silence.keep_until:
        return say(Phrase.KEPT_UNTIL, time=moment(silence.keep_until))
    if silence.lasts == RESOLVED:  # of a digest, which keeps it alive
        return say(Phrase.KEPT_UNTIL, time=moment(silence.ends_at))
    ends = moment(max(silence.ends_at, silence.wanted_end))
    return Said(ends, ends)
