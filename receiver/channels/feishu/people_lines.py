"""What people did about an incident: who took it, who silenced it, until when and why."""

from collections.abc import Iterable

from receiver.channels.base import View
from receiver.channels.feishu.facts import Facts
from receiver.channels.feishu.markdown import grey, moment, short
from receiver.channels.feishu.parts import joined, markdown
from receiver.channels.feishu.size import Json
from receiver.domain.incident import Incident, Kind
from receiver.domain.ownership import is_asked, owned_until, owners
from receiver.domain.person import Actor
from receiver.domain.reason import State
from receiver.domain.silence import GROUP_SCOPE, SHARED_SCOPE, Silence, SilenceState
from receiver.phrases import Phrase, Said, say

NAME_LIMIT = 40
NAMES_MOST = 5
PROBLEM_LIMIT = 200
WHY_LIMIT = 200
# Which silences matter most to somebody who opens the card.
_FIRST = (
    SilenceState.FAILED,
    SilenceState.REQUESTED,
    SilenceState.ACTIVE,
    SilenceState.EXPIRING,
    SilenceState.EXPIRED,
)
_PHRASES = {
    SilenceState.REQUESTED: ("⏳", Phrase.SILENCE_REQUESTED),
    SilenceState.ACTIVE: ("🔕", Phrase.SILENCE_ACTIVE),
    SilenceState.EXPIRING: ("⏳", Phrase.SILENCE_EXPIRING),
    SilenceState.EXPIRED: ("🔔", Phrase.SILENCE_EXPIRED),
    SilenceState.FAILED: ("⚠️", Phrase.SILENCE_FAILED),
}

_SCOPES = {GROUP_SCOPE: Phrase.SCOPE_GROUP, SHARED_SCOPE: Phrase.SCOPE_SHARED}


def name_of(actor: Actor) -> str:
    """Return a person's name, escaped."""
    return short(actor.label, NAME_LIMIT) or "?"


def people_lines(view: View, facts: Facts, most: int) -> list[Json]:
    """Return the lines about people, at most ``most`` of them about silences."""
    return [*_owners(view, facts), *_silences(view.incident.silences, facts, most)]


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


def _silences(silences: Iterable[Silence], facts: Facts, most: int) -> list[Json]:
    shown = sorted(
        silences, key=lambda silence: (_FIRST.index(silence.state), -silence.asked_at, silence.id)
    )
    if facts.state is State.RESOLVED:
        shown = [silence for silence in shown if silence.holds]
    lines = [line for silence in shown[:most] for line in _silence(silence)]
    if len(shown) > most:
        more = say(Phrase.MORE_SILENCES, count=len(shown) - most)
        lines.append(markdown(Said(grey(more.zh_cn), grey(more.en_us)), small=True))
    return lines


def _silence(silence: Silence) -> list[Json]:
    mark, phrase = _PHRASES[silence.state]
    scope = say(_SCOPES.get(silence.scope, Phrase.SCOPE_ALERT))
    values = {"who": name_of(silence.actor), "until": moment(silence.ends_at)}
    said = Said(
        say(phrase, **values, scope=scope.zh_cn).zh_cn,
        say(phrase, **values, scope=scope.en_us).en_us,
    )
    parts: list[Said | str] = [joined((mark, said), " ")]
    if silence.problem:
        problem = short(silence.problem, PROBLEM_LIMIT)
        kept = silence.state is SilenceState.ACTIVE
        parts.append(joined((say(Phrase.SILENCE_KEPT), problem), " · ") if kept else problem)
    lines = [markdown(joined(parts, "\n"))]
    if silence.comment.strip():
        why = short(silence.comment, WHY_LIMIT)
        if why:
            lines.append(markdown(f"> {why}", small=True))
    return lines
