"""What the source's truth says of an incident: muted by what, not reported any more, or unknown."""

from collections.abc import Callable, Iterable

from receiver.channels.base import View
from receiver.channels.feishu.facts import Facts
from receiver.channels.feishu.frame import note
from receiver.channels.feishu.links import console
from receiver.channels.feishu.markdown import moment, short
from receiver.channels.feishu.parts import joined, markdown
from receiver.channels.feishu.size import Json
from receiver.domain.incident import Ending, Member, suppressed
from receiver.domain.reason import State
from receiver.domain.succession import HEIRS_MOST
from receiver.domain.suppression import Held, Outside, unmarked
from receiver.phrases import Phrase, say

NAME_LIMIT = 40
WHY_LIMIT = 200
NAMED_LIMIT = 80
NAMED_MOST = 3


def truth_lines(view: View, facts: Facts, most: int) -> list[Json]:
    """Return the lines, at most ``most`` of them about silences made elsewhere."""
    incident = view.incident
    if facts.state is State.RESOLVED:
        return _ended(view)
    found: list[Json] = []
    firing = [member for member in view.members if member.firing and member.held is not None]
    fires = any(one.firing and not suppressed(incident, one) for one in view.members)
    told = [one for one in incident.outside if fires or not one.over]  # muted again meanwhile
    for silence in told[:most]:
        found += _outside(silence, firing)
    found += _muted(firing, Phrase.INHIBITED_BY, "⏸️", lambda held: held.inhibitors)
    found += _muted(firing, Phrase.MUTED_BY, "🌙", lambda held: held.intervals)
    if incident.ancestors:
        found.append(note(say(Phrase.TAKES_OVER, incidents=_numbers(view, incident.ancestors))))
    if incident.stale_since:
        source = short(incident.source, NAME_LIMIT)
        said = say(Phrase.STALE_LONG, source=source, time=moment(incident.stale_since))
        found.append(markdown(joined(("⚠️", said), " ")))
    return found


def _ended(view: View) -> list[Json]:
    incident = view.incident
    if incident.ending is Ending.SUPERSEDED:
        said = say(Phrase.SUPERSEDED_BY, incidents=_numbers(view, incident.heirs))
        return [markdown(joined(("🔀", said), " "))]
    return [note(say(Phrase.GONE_LONG))] if incident.ending is Ending.GONE else []


def _numbers(view: View, incidents: Iterable[int]) -> str:
    """Name incidents by their numbers, each with where it can be read if there is such a place."""
    pages = [(number, console(view, number)) for number in incidents]
    told = [f"[#{one}]({page})" if page else f"#{one}" for one, page in pages[:HEIRS_MOST]]
    more = [f"+{len(pages) - HEIRS_MOST}"] if len(pages) > HEIRS_MOST else []
    return ", ".join((*told, *more))


def _outside(silence: Outside, firing: list[Member]) -> list[Json]:
    who = short(silence.created_by, NAME_LIMIT) or "?"
    until = moment(silence.ends_at) if silence.ends_at else "?"
    if silence.over:
        line = joined(("🔔", say(Phrase.SILENCE_OUTSIDE_OVER, who=who, until=until)), " ")
    else:
        count = sum(silence.id in member.held.silences for member in firing if member.held)
        said = say(Phrase.SILENCED_OUTSIDE, who=who, until=until, count=count)
        line = joined(("🔕", said), " ")
    why = short(unmarked(silence.comment), WHY_LIMIT)
    return [markdown(line), *([markdown(f"> {why}", small=True)] if why.strip() else [])]


def _muted(
    firing: list[Member], key: Phrase, mark: str, names_of: Callable[[Held], tuple[str, ...]]
) -> list[Json]:
    """Say how many alerts something mutes, and what does."""
    names: dict[str, None] = {}
    count = 0
    for member in firing:
        told = names_of(member.held) if member.held is not None else ()
        names.update(dict.fromkeys(told))
        count += bool(told)
    if not count:
        return []
    shown = [f"**{short(name, NAMED_LIMIT) or '?'}**" for name in list(names)[:NAMED_MOST]]
    if len(names) > NAMED_MOST:
        shown.append(f"+{len(names) - NAMED_MOST}")
    said = say(key, count=count, names=" · ".join(shown))
    return [markdown(joined((mark, said), " "))]
