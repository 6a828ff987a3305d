"""The card's body: what, since when, how many, who, where to look, and what can be done."""

from typing import NamedTuple

from receiver.channels.base import View
from receiver.channels.feishu.controls import acts, controls, owner_button
from receiver.channels.feishu.facts import Facts, description, headline, key_labels
from receiver.channels.feishu.header import Speech
from receiver.channels.feishu.links import links
from receiver.channels.feishu.listing import alerts_panel, labels_panel, wants_list
from receiver.channels.feishu.markdown import (
    agent_markdown,
    block,
    grey,
    known_people,
    mention,
    moment,
    short,
)
from receiver.channels.feishu.parts import button, grid, joined, markdown, row
from receiver.channels.feishu.people_lines import people_lines
from receiver.channels.feishu.size import Json
from receiver.channels.feishu.text import span
from receiver.domain.reason import State
from receiver.phrases import Phrase, Said, say

HEADLINE_LIMIT = 300
LABEL_NAME_LIMIT = 40
LABEL_LIMIT = 80
PEOPLE_MOST = 20
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


WHOLE = Detail(200, 900, 14, 6, 20, 6, 1_500, 3)
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
        *_mentions(draft),
        *people_lines(view, facts, detail.silences),
        *grid(_cells(view, facts, detail.labels)),
        *_links(view, facts, detail.links, detail.url),
        *panels,
        *_notes(draft.said, shortened=detail.note),
    ]
    if draft.acting and acts(facts):
        elements += [{"tag": "hr"}, *controls(view, facts, detail.options)]
    elements.append(_foot(view))
    return {"padding": "12px", "vertical_spacing": "8px", "elements": elements}, folded


def minimal_body(draft: Draft) -> Json:
    """Return the smallest body that still says what, and lets somebody take it."""
    view, facts = draft.view, draft.facts
    count = _counts(view, facts)
    since = moment(facts.since)
    elements = [
        *_mentions(draft),
        markdown(joined((count, since), " · ")),
        *_links(view, facts, MINIMAL_LINKS, MINIMAL_URL),
        *_notes(draft.said, shortened=True),
    ]
    if draft.acting and acts(facts):
        elements.append(row([owner_button(view)]))
    elements.append(_foot(view))
    return {"padding": "12px", "vertical_spacing": "8px", "elements": elements}


def _mentions(draft: Draft) -> list[Json]:
    people = known_people(draft.view.people)[:PEOPLE_MOST] if draft.calls else []
    return [markdown(" ".join(map(mention, people)))] if people else []


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


def _others(facts: Facts) -> int:
    return max((facts.firing or facts.total) - 1, 1)


def _cells(view: View, facts: Facts, most: int) -> list[Said | str]:
    """Return the facts of the grid: when, how many, and the labels that say most."""
    if facts.state is State.NOTE:
        cells: list[Said | str] = [_cell(say(Phrase.AT), moment(view.incident.opened_at))]
    else:
        cells = [
            _cell(say(Phrase.SINCE), moment(facts.since)),
            _cell(say(Phrase.ALERTS), _counts(view, facts)),
        ]
        if facts.until is not None:
            ended = moment(facts.until)
            cells.append(_cell(say(Phrase.LASTED), span(facts.until - facts.since)))
            cells.append(_cell(say(Phrase.RESOLVED), ended))
    for name, value in key_labels(view, facts)[:most]:
        shown = short(value, LABEL_LIMIT)
        if shown:
            cells.append(f"{grey(short(name, LABEL_NAME_LIMIT))}\n{shown}")
    return cells


def _cell(name: Said, value: Said | str) -> Said:
    return joined((Said(grey(name.zh_cn), grey(name.en_us)), value), "\n")


def _counts(view: View, facts: Facts) -> Said:
    """Say how many fire, have resolved, are muted, are new, and were not told."""
    found: list[Said] = []
    if facts.firing:
        found.append(say(Phrase.FIRING_COUNT, count=facts.firing))
    if facts.resolved or not facts.firing:
        found.append(say(Phrase.RESOLVED_COUNT, count=facts.resolved))
    if facts.muted:
        found.append(say(Phrase.MUTED_COUNT, count=facts.muted))
    counted = joined(found, " · ")
    new = say(Phrase.NEW_COUNT, count=facts.new)
    extra: list[Said | str] = [counted]
    if facts.new:
        extra.append(Said(*(f"<font color='red'>**{text}**</font>" for text in new)))
    if view.incident.truncated:
        hidden = say(Phrase.NOT_SHOWN_COUNT, count=view.incident.truncated)
        extra.append(Said(*(grey(text) for text in hidden)))
    return joined(extra, " ")


def _links(view: View, facts: Facts, most: int, longest: int) -> list[Json]:
    buttons = []
    for name, url in links(view, facts, most, longest):
        opens = {"type": "open_url", "default_url": url}
        buttons.append({**button(name, "primary_text", opens), "size": "small"})
    # A button without a border has room around its words: step back by it, to stand in line.
    return [{**row(buttons, gap="0px"), "margin": "0px 0px 0px -8px"}] if buttons else []


def _labels(facts: Facts) -> list[Json]:
    member = facts.first
    if member is None or facts.state is State.NOTE or not any(member.labels.values()):
        return []
    return [labels_panel(member)]


def _notes(said: Speech, *, shortened: bool) -> list[Json]:
    notes: list[Said] = []
    if said.failed:
        notes.append(say(Phrase.TEMPLATE_FAILED, names=", ".join(said.failed)))
    if shortened:
        notes.append(say(Phrase.SHORTENED))
    return [markdown(Said(*(grey(text) for text in note)), small=True) for note in notes]


def _foot(view: View) -> Json:
    incident = view.incident
    parts = (f"#{incident.id}", short(incident.receiver, LABEL_LIMIT))
    return markdown(grey(" · ".join(filter(None, parts))), small=True)
