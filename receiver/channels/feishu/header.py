"""The card's head, and what the phone previews of it."""

from typing import NamedTuple

from receiver.channels.base import View
from receiver.channels.feishu.facts import Facts, for_links, for_templates
from receiver.channels.feishu.markdown import safe_url
from receiver.channels.feishu.parts import plain_text, text_tag, words
from receiver.channels.feishu.size import Json
from receiver.channels.feishu.text import plain
from receiver.channels.templates import Said as Made
from receiver.domain.incident import Ending, Incident, flapping
from receiver.domain.reason import CardReason, State
from receiver.domain.severity import CRITICAL
from receiver.phrases import Phrase, Said, say, severity

TITLE_LIMIT = 120  # the header shows four lines at most
PLACE_LIMIT = 60
PREVIEW_LIMIT = 200
TAG_LIMIT = 30
TAGS_MOST = 3
MINUTE = 60_000
SHORT_SPAN = 30  # minutes; what is longer is told in hours

_STATES = {
    State.FIRING: Phrase.FIRING,
    State.ACKNOWLEDGED: Phrase.ACKNOWLEDGED,
    State.SUPPRESSED: Phrase.SUPPRESSED,
    State.RESOLVED: Phrase.RESOLVED,
    State.NOTE: Phrase.NOTE,
}
_ENDINGS = {Ending.GONE: Phrase.GONE, Ending.SUPERSEDED: Phrase.SUPERSEDED}
_COLOURS = {State.ACKNOWLEDGED: "blue", State.SUPPRESSED: "grey", State.RESOLVED: "green"}
_TAG_COLOURS = {
    State.ACKNOWLEDGED: "blue",
    State.SUPPRESSED: "neutral",
    State.RESOLVED: "green",
}


class Speech(NamedTuple):
    """What is said where; ``text`` replaces the body's words, ``failed`` names bad templates.

    ``links`` are those of the users' templates, ``broken`` the names of those that failed.
    """

    title: Said
    preview: Said
    text: str = ""
    failed: tuple[str, ...] = ()
    links: tuple[tuple[Said, str], ...] = ()
    broken: tuple[Said, ...] = ()


def speech(view: View, facts: Facts) -> Speech:
    """Word the title and the preview: the users' templates, else our own."""
    made = view.templates.render(lambda: for_templates(view, facts))
    failed = tuple(name for name, said in made.items() if said.problem)
    title = _title(plain(made.get("title", Made()).text or view.incident.title, TITLE_LIMIT))
    own = plain(made.get("summary", Made()).text, PREVIEW_LIMIT)
    preview = Said(own, own) if own else _preview(view, facts, title)
    links, broken = _led(view, facts)
    return Speech(title, preview, made.get("text", Made()).text, failed, links, broken)


def _led(view: View, facts: Facts) -> tuple[tuple[tuple[Said, str], ...], tuple[Said, ...]]:
    """Return where the users' own links lead, and the names of those that lead nowhere."""
    labels = {} if facts.first is None else facts.first.labels
    sender = {"source": view.incident.source, "receiver": view.incident.receiver}
    made = view.templates.links({**labels, **sender}, lambda: for_links(view, facts))
    found = [(each.name, safe_url(each.url)) for each in made]
    good = tuple((name, url) for name, url in found if url)
    return good, tuple(name for name, url in found if not url)


def _title(title: str) -> Said:
    return Said(title, title) if title else say(Phrase.UNTITLED)


def state_words(view: View, facts: Facts) -> Said:
    """Return the word for the state; handled is said where nobody acknowledged."""
    incident = view.incident
    handled = incident.ack is None and incident.handled is not None
    if facts.state is State.ACKNOWLEDGED and handled:
        return say(Phrase.HANDLED)
    if incident.closed_at is not None and incident.ending in _ENDINGS:
        return say(_ENDINGS[incident.ending])
    if facts.state is State.SUPPRESSED:
        return say(_suppression(view, facts))
    return say(_STATES[facts.state])


def _suppression(view: View, facts: Facts) -> Phrase:
    """Return the word for what mutes all that fires: silences, where there is one."""
    if facts.silenced:
        return Phrase.SUPPRESSED
    inhibited = any(member.held and member.held.inhibitors for member in view.members)
    return Phrase.INHIBITED if inhibited else Phrase.MUTED


def _preview(view: View, facts: Facts, title: Said) -> Said:
    key = Phrase.PREVIEW
    if facts.state is State.NOTE:
        key = Phrase.PREVIEW_NOTE
    elif facts.state is State.RESOLVED:
        late = view.reason is CardReason.LATE
        ended = Phrase.PREVIEW_RESOLVED
        if view.incident.ending in _ENDINGS:
            ended = Phrase.PREVIEW_ENDED
        key = Phrase.PREVIEW_LATE if late else ended
    places = " · ".join(plain(place, PLACE_LIMIT) for place in facts.where)
    where = f" · {places}" if places else ""
    name, stands = severity_words(facts), state_words(view, facts)
    count = facts.total if facts.state is State.RESOLVED else facts.firing
    told = []
    for at in (0, 1):
        values = {"severity": name[at], "title": title[at], "where": where, "state": stands[at]}
        told.append(say(key, count=count, **values)[at])
    if flapping(view.incident, view.now):
        often = flaps(Phrase.FLAPPING, view.incident)
        told = [f"{text} · {often[at]}" for at, text in enumerate(told)]
    return Said(*(plain(text, PREVIEW_LIMIT) for text in told))


def flaps(key: Phrase, incident: Incident) -> Said:
    """Say how often an incident fired again, and within what time: a whole number, rounded up."""
    times = incident.reopenings
    minutes = -(-(times[-1] - times[0]) // MINUTE) if times else 0
    hours = minutes > SHORT_SPAN
    count = -(-minutes // 60) if hours else max(minutes, 1)
    within = say(Phrase.SPAN_HOURS if hours else Phrase.SPAN_MINUTES, count=count)
    zh, en = (say(key, count=incident.flapping, span=text) for text in within)
    return Said(zh.zh_cn, en.en_us)


def severity_words(facts: Facts) -> Said:
    """Return what to call the severity."""
    return severity(plain(facts.severity, TAG_LIMIT))


def colour(view: View, facts: Facts) -> str:
    """Return the header's colour: the state, and for what fires its severity."""
    if _is_superseded(view):
        return "grey"  # it goes on elsewhere: nothing is well
    if facts.state in _COLOURS:
        return _COLOURS[facts.state]
    if view.incident.rank <= CRITICAL:
        return "red"
    mildest = view.incident.rank >= len(view.scale.order) - 1
    return "blue" if facts.state is State.NOTE and mildest else "orange"


def _is_superseded(view: View) -> bool:
    return view.incident.closed_at is not None and view.incident.ending is Ending.SUPERSEDED


def header(view: View, facts: Facts, said: Speech) -> Json:
    """Return the header: title, where, and at most three tags."""
    drawn: Json = {
        "title": plain_text(said.title),
        "template": colour(view, facts),
        "text_tag_list": _tags(view, facts)[:TAGS_MOST],
        "padding": "12px 12px 12px 12px",
    }
    places = " · ".join(plain(place, PLACE_LIMIT) for place in facts.where)
    if places:
        drawn["subtitle"] = plain_text(places)
    return drawn


def _tags(view: View, facts: Facts) -> list[Json]:
    firing = "red" if view.incident.rank <= CRITICAL else "orange"
    over = facts.state is State.RESOLVED
    tags = [text_tag(severity_words(facts), "neutral" if over else firing)]
    if facts.state is not State.NOTE:
        hue = "neutral" if _is_superseded(view) else _TAG_COLOURS.get(facts.state, firing)
        tags.append(text_tag(state_words(view, facts), hue))
    if view.incident.stale_since and not over:
        tags.append(text_tag(say(Phrase.STALE), "yellow"))
    if view.reason is CardReason.LATE:
        tags.append(text_tag(say(Phrase.LATE), "purple"))
    if flapping(view.incident, view.now):
        tags.append(text_tag(flaps(Phrase.FLAPPING, view.incident), "violet"))
    elif view.incident.reopened and not over:
        again = say(Phrase.REOPENED, count=view.incident.reopened)
        tags.append(text_tag(again, "violet"))
    if facts.new:
        tags.append(text_tag(say(Phrase.NEW, count=facts.new), "red"))
    if view.incident.truncated and not over:
        tags.append(text_tag(say(Phrase.TRUNCATED, count=view.incident.truncated), "neutral"))
    return tags


def config(said: Speech) -> Json:
    """Return the card's settings; forwarded cards show, and do not act."""
    return {
        "update_multi": True,
        "enable_forward": True,
        "enable_forward_interaction": False,
        "summary": words(said.preview),
    }
