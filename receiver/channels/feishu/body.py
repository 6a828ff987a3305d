"""The card's body: what, since when, how many, who, where to look, and what can be done."""

from typing import NamedTuple

from receiver.channels.base import View
from receiver.channels.feishu.chart import chart_part
from receiver.channels.feishu.controls import acts, controls, owner_button
from receiver.channels.feishu.facts import Facts, description, headline, key_labels
from receiver.channels.feishu.frame import fact, foot, link_row, mentions, moved, note, whole
from receiver.channels.feishu.header import Speech, flaps
from receiver.channels.feishu.history import past_lines
from receiver.channels.feishu.links import Bounds, links
from receiver.channels.feishu.listing import alerts_panel, labels_panel, wants_list
from receiver.channels.feishu.markdown import agent_markdown, block, grey, moment, short
from receiver.channels.feishu.parts import grid, joined, markdown, row
from receiver.channels.feishu.people_lines import people_lines
from receiver.channels.feishu.size import Json
from receiver.channels.feishu.text import span
from receiver.channels.feishu.truth_lines import truth_lines
from receiver.domain.incident import flapping
from receiver.domain.reason import CardReason, State
from receiver.phrases import Phrase, Said, say

HEADLINE_LIMIT = 300
LABEL_NAME_LIMIT = 40
LABEL_LIMIT = 80
TEMPLATE_LINES = 40


class Detail(NamedTuple):
    """How much of an incident a card shows."""

    alerts: int  # lines of the list, if they fit
    text: int  # characters of the description
    lines: int  # lines of it
    labels: int
    options: int  # named alerts that can be silenced alone
    links: int
    url: int  # characters of the longest address
    silences: int
    note: bool = False  # say that the card is shortened
    chart: bool = False


WHOLE = Detail(200, 900, 14, 6, 20, 8, 1_500, 3, chart=True)
FEWER = Detail(10, 400, 8, 4, 10, 6, 1_000, 2)
TIGHT = Detail(3, 160, 3, 2, 4, 3, 400, 1, note=True)
MINIMAL_URL = 400
MINIMAL_LINKS = 3


class Draft(NamedTuple):
    """All that a body is written from."""

    view: View
    facts: Facts
    said: Speech
    calls: bool  # mention people
    acting: bool  # offer controls


def body(draft: Draft, detail: Detail) -> tuple[Json, Json | None]:
    """Return the body, and in it the panel that is still to be filled with the alerts."""
    view, facts = draft.view, draft.facts
    folded = alerts_panel(facts) if wants_list(view, facts) else None
    panels = [folded] if folded is not None else _labels(facts)
    elements = [
        *_what(draft, detail),
        *mentions(view, calls=draft.calls),
        *_asides(view),
        *past_lines(view.incident),
        *people_lines(view, facts, detail.silences),
        *truth_lines(view, facts, detail.silences),
        *grid(_cells(view, facts, detail.labels)),
        *chart_part(view, fits=detail.chart),
        *_links(draft, Bounds(detail.links, detail.url)),
        *panels,
        *_notes(draft.said, shortened=detail.note),
    ]
    if draft.acting and acts(facts):
        elements += [{"tag": "hr"}, *controls(view, facts, detail.options)]
    elements.append(foot(view))
    return whole(elements), folded


def minimal_body(draft: Draft) -> Json:
    """Return the smallest body that still says what, and lets somebody take it."""
    view, facts = draft.view, draft.facts
    count = _counts(view, facts)
    since = moment(facts.since)
    elements = [
        *mentions(view, calls=draft.calls),
        markdown(joined((count, since), " · ")),
        *_links(draft, Bounds(MINIMAL_LINKS, MINIMAL_URL)),
        *_notes(draft.said, shortened=True),
    ]
    if draft.acting and acts(facts):
        elements.append(row([owner_button(view)]))
    elements.append(foot(view))
    return whole(elements)


def _what(draft: Draft, detail: Detail) -> list[Json]:
    facts, said = draft.facts, draft.said
    if said.text:
        text = block(said.text, max(detail.text, 2 * detail.text), TEMPLATE_LINES)
        return [markdown(text)] if text else []
    member = facts.first
    if member is None:
        return []
    found: list[Json] = []
    line = short(headline(member), HEADLINE_LIMIT)
    if line and headline(member) != draft.view.incident.title:
        more = "" if facts.shared_summary else f" {grey(f'(+{_others(facts)})')}"
        found.append(markdown(f"**{line}**{more}"))
    if facts.state is State.RESOLVED:
        return found  # what it said when it fired is true no more
    if member.annotations.get("markdown"):
        text = agent_markdown(member.annotations["markdown"], 2 * detail.text, 3 * detail.lines)
    else:
        text = block(description(member), detail.text, detail.lines)
    if text:
        found.append(markdown(text))
    return found


def _asides(view: View) -> list[Json]:
    """Say what is unusual about this card: where it stands, that it is late, that it flaps."""
    notes = moved(view)
    if view.reason is CardReason.LATE:
        notes.append(note(say(Phrase.LATE_LONG)))
    if flapping(view.incident, view.now):
        notes.append(note(flaps(Phrase.FLAPPING_LONG, view.incident)))
    return notes


def _others(facts: Facts) -> int:
    return max((facts.firing or facts.total) - 1, 1)


def _cells(view: View, facts: Facts, most: int) -> list[Said | str]:
    """Return the facts of the grid: when, how many, and the labels that say most."""
    if facts.state is State.NOTE:
        cells: list[Said | str] = [fact(say(Phrase.AT), moment(view.incident.opened_at))]
    else:
        cells = [
            fact(say(Phrase.SINCE), moment(facts.since)),
            fact(say(Phrase.ALERTS), _counts(view, facts)),
        ]
        if facts.until is not None:
            ended = moment(facts.until)
            cells.append(fact(say(Phrase.ENDED), ended))
            cells.append(fact(say(Phrase.LASTED), span(facts.until - facts.since)))
    for name, value in key_labels(view, facts)[:most]:
        shown = short(value, LABEL_LIMIT)
        if shown:
            cells.append(f"{grey(short(name, LABEL_NAME_LIMIT))}\n{shown}")
    return cells


def _counts(view: View, facts: Facts) -> Said:
    """Say how many fire, have resolved, are muted, are new, and were not told."""
    found: list[Said] = []
    if facts.firing:
        found.append(say(Phrase.FIRING_COUNT, count=facts.firing))
    resolved = facts.resolved - facts.gone
    if resolved or not (facts.firing or facts.gone):
        found.append(say(Phrase.RESOLVED_COUNT, count=resolved))
    if facts.gone:
        key = Phrase.MOVED_COUNT if view.incident.heirs else Phrase.GONE_COUNT
        found.append(say(key, count=facts.gone))
    if facts.muted:
        key = Phrase.MUTED_COUNT if facts.silenced else Phrase.HELD_COUNT
        found.append(say(key, count=facts.muted))
    counted = joined(found, " · ")
    new = say(Phrase.NEW_COUNT, count=facts.new)
    extra: list[Said | str] = [counted]
    if facts.new:
        extra.append(Said(*(f"<font color='red'>**{text}**</font>" for text in new)))
    if view.incident.truncated:
        hidden = say(Phrase.NOT_SHOWN_COUNT, count=view.incident.truncated)
        extra.append(Said(*(grey(text) for text in hidden)))
    return joined(extra, " ")


def _links(draft: Draft, bounds: Bounds) -> list[Json]:
    return link_row(links(draft.view, draft.facts, draft.said.links, bounds))


def _labels(facts: Facts) -> list[Json]:
    member = facts.first
    if member is None or facts.state is State.NOTE or not any(member.labels.values()):
        return []
    return [labels_panel(member)]


def _notes(words: Speech, *, shortened: bool) -> list[Json]:
    notes: list[Said] = []
    if words.failed:
        notes.append(say(Phrase.TEMPLATE_FAILED, names=", ".join(words.failed)))
    if words.broken:
        zh, en = (", ".join(short(name[at], LABEL_LIMIT) for name in words.broken) for at in (0, 1))
        said = Phrase.LINK_FAILED
        notes.append(Said(say(said, names=zh).zh_cn, say(said, names=en).en_us))
    if shortened:
        notes.append(say(Phrase.SHORTENED))
    return [note(said) for said in notes]
