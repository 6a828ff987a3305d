"""What a digest says of itself in a few words: its title, its tags, and the phone's preview."""

from receiver.channels.feishu.digest_glance import Glance
from receiver.channels.feishu.header import (
    PLACE_LIMIT,
    PREVIEW_LIMIT,
    TAG_LIMIT,
    TAGS_MOST,
    Speech,
)
from receiver.channels.feishu.parts import joined, plain_text, text_tag
from receiver.channels.feishu.size import Json
from receiver.channels.feishu.text import plain
from receiver.domain.reason import State
from receiver.domain.severity import CRITICAL
from receiver.phrases import Phrase, Said, say, severity

SOURCES_MOST = 4
VALUE_LIMIT = 40


def speech(glance: Glance) -> Speech:
    """Word what a phone shows of a digest: the users' templates are for incidents."""
    return Speech(title(glance), preview(glance))


def title(glance: Glance) -> Said:
    """Return what the card is about."""
    key = Phrase.STORM
    if glance.late:
        key = Phrase.STORM_LATE
    elif glance.closed:
        key = Phrase.STORM_OVER
    return say(key, count=glance.total)


def colour(glance: Glance) -> str:
    """Return the header's colour: what there is to do, and how bad it is."""
    if not glance.firing:
        return "green"
    if glance.closed:
        return "grey"  # what still fires has cards of its own
    if not glance.states[State.FIRING]:
        return "blue" if glance.states[State.ACKNOWLEDGED] else "grey"
    return "red" if glance.rank <= CRITICAL else "orange"


def counts(glance: Glance) -> list[Said]:
    """Return how many incidents are in each state, exactly, and without those of none."""
    found = [
        (Phrase.INCIDENTS_FIRING, glance.firing),
        (Phrase.INCIDENTS_ACKNOWLEDGED, glance.states[State.ACKNOWLEDGED]),
        (Phrase.INCIDENTS_SILENCED, glance.states[State.SUPPRESSED]),
        (Phrase.INCIDENTS_RESOLVED, glance.states[State.RESOLVED]),
        (Phrase.MESSAGES_COUNT, glance.states[State.NOTE]),
    ]
    return [say(key, count=count) for key, count in found if count]


def header(glance: Glance) -> Json:
    """Return the header: how many, from where, and at most three tags."""
    drawn: Json = {
        "title": plain_text(title(glance)),
        "template": colour(glance),
        "text_tag_list": _tags(glance)[:TAGS_MOST],
        "padding": "12px 12px 12px 12px",
    }
    places = [plain(name, PLACE_LIMIT) for name in glance.sources[:SOURCES_MOST]]
    if len(glance.sources) > SOURCES_MOST:
        places.append(f"+{len(glance.sources) - SOURCES_MOST}")
    where = " · ".join(filter(None, places))
    if where:
        drawn["subtitle"] = plain_text(plain(where, PREVIEW_LIMIT))
    return drawn


def _tags(glance: Glance) -> list[Json]:
    states = glance.states
    worst = "red" if glance.rank <= CRITICAL else "orange"
    tags = []
    if glance.severities:
        name = severity(plain(glance.severities[0][0], TAG_LIMIT))
        tags.append(text_tag(name, worst if glance.acts else "neutral"))
    if glance.late:
        tags.append(text_tag(say(Phrase.LATE), "purple"))
    for key, count, tag in (
        (Phrase.INCIDENTS_FIRING, glance.firing, worst),
        (Phrase.INCIDENTS_ACKNOWLEDGED, states[State.ACKNOWLEDGED], "blue"),
        (Phrase.INCIDENTS_SILENCED, states[State.SUPPRESSED], "neutral"),
        (Phrase.INCIDENTS_RESOLVED, states[State.RESOLVED], "green"),
    ):
        if count:
            tags.append(text_tag(say(key, count=count), tag))
    return tags


def preview(glance: Glance) -> Said:
    """Return what a phone shows: how many, how many fire, how bad, and where most of it is."""
    bad = joined([_severity_count(name, count) for name, count in glance.severities], ", ")
    parts: list[Said | str] = [title(glance), *counts(glance)[:1], bad]
    if glance.firing and glance.values and glance.values[0][0]:
        value, count = glance.values[0]
        parts.append(f"{plain(glance.label, TAG_LIMIT)}={plain(value, VALUE_LIMIT)} ×{count}")
    text = joined([part for part in parts if part != Said("", "")], " · ")
    return Said(plain(text.zh_cn, PREVIEW_LIMIT), plain(text.en_us, PREVIEW_LIMIT))


def _severity_count(name: str, count: int) -> Said:
    words = severity(plain(name, TAG_LIMIT))
    return Said(f"{words.zh_cn} {count}", f"{words.en_us} {count}")
