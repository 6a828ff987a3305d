"""The pieces that every card of ours is framed with, a single incident's and a storm's."""

from collections.abc import Iterable

from receiver.channels.base import View
from receiver.channels.feishu.markdown import grey, known_people, mention, short
from receiver.channels.feishu.parts import button, joined, markdown, row
from receiver.channels.feishu.size import Json
from receiver.phrases import Phrase, Said, say

PEOPLE_MOST = 20
RECEIVER_LIMIT = 80
TARGET_LIMIT = 80


def mentions(view: View, *, calls: bool) -> list[Json]:
    """Return the mentions, where this message may call people."""
    people = known_people(view.people)[:PEOPLE_MOST] if calls else []
    return [markdown(" ".join(map(mention, people)))] if people else []


def fact(name: Said, value: Said | str) -> Said:
    """Return a cell: what it is called, and below that what it is."""
    return joined((aside(name), value), "\n")


def aside(said: Said) -> Said:
    """Return words that step back."""
    return Said(grey(said.zh_cn), grey(said.en_us))


def note(said: Said) -> Json:
    """Return a small line that steps back."""
    return markdown(aside(said), small=True)


def link_row(links: Iterable[tuple[Said, str]]) -> list[Json]:
    """Return links side by side."""
    buttons = []
    for name, url in links:
        opens = {"type": "open_url", "default_url": url}
        buttons.append({**button(name, "primary_text", opens), "size": "small"})
    # A button without a border has room around its words: step back by it, to stand in line.
    return [{**row(buttons, gap="0px"), "margin": "0px 0px 0px -8px"}] if buttons else []


def moved(view: View) -> list[Json]:
    """Say why the card is here where it was meant for elsewhere."""
    target = short(view.card.moved_from, TARGET_LIMIT)
    return [note(say(Phrase.MOVED_FROM, target=target))] if target else []


def whole(elements: list[Json]) -> Json:
    """Return a card's body."""
    return {"padding": "12px", "vertical_spacing": "8px", "elements": elements}


def foot(view: View) -> Json:
    """Return the last line: by what number and under which receiver the incident is known."""
    incident = view.incident
    parts = (f"#{incident.id}", short(incident.receiver, RECEIVER_LIMIT))
    return markdown(grey(" · ".join(filter(None, parts))), small=True)
