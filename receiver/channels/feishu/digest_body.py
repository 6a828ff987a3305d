"""The body of a digest's card: how many, how bad, where, the worst of them, and all others."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from receiver.channels.base import View
from receiver.channels.feishu.digest_controls import acknowledge_all, controls
from receiver.channels.feishu.digest_glance import Glance
from receiver.channels.feishu.digest_list import incidents_panel, worst_lines
from receiver.channels.feishu.digest_words import counts
from receiver.channels.feishu.facts import gather
from receiver.channels.feishu.frame import aside, fact, foot, link_row, mentions, moved, note, whole
from receiver.channels.feishu.links import alerts_page, console
from receiver.channels.feishu.listing import severity_mark
from receiver.channels.feishu.markdown import grey, moment, short
from receiver.channels.feishu.parts import grid, joined, markdown, row
from receiver.channels.feishu.people_lines import people_lines
from receiver.channels.feishu.size import Json
from receiver.channels.feishu.text import plain, span
from receiver.domain.digest import Digest, Gathered, worst
from receiver.domain.severity import CRITICAL
from receiver.phrases import Phrase, Said, say, severity

NAME_LIMIT = 40
VALUE_LIMIT = 60
SHARED_MOST = 8


class Detail(NamedTuple):
    """How much of a digest a card shows."""

    top: int  # of the worst, with what tells them from the others
    named: int  # incidents of the folded list, if they fit
    url: int  # characters of the longest address
    links: int
    silences: int
    note: bool = False  # say that the card is shortened


ALL = 1_000_000
WHOLE = Detail(10, ALL, 300, 6, 3)
FEWER = Detail(5, 60, 200, 4, 2, note=True)
TIGHT = Detail(3, 20, 120, 2, 1, note=True)
MINIMAL = Detail(0, 0, 120, 1, 0, note=True)
LINK_URL = 1_000  # characters of a link


class Draft(NamedTuple):
    """All that a digest's body is written from."""

    view: View
    digest: Digest
    glance: Glance
    calls: bool  # mention people
    acting: bool  # offer controls


class Drawn(NamedTuple):
    """A body, and in it the panel that is still to be filled with the others."""

    document: Json
    folded: Json
    others: tuple[Gathered, ...]


def body(draft: Draft, detail: Detail) -> Drawn:
    """Return the body, but for the names of all but the worst."""
    view, glance = draft.view, draft.glance
    pages = _pages(view, glance)
    top = worst(draft.digest, detail.top) if glance.acts or glance.late else ()
    shown = {one.incident for one in top}
    others = tuple(one for one in glance.gathered if one.incident not in shown)
    folded = incidents_panel(glance, len(others))
    elements = [
        *mentions(view, calls=draft.calls),
        note(_why(glance)),
        *moved(view),
        *people_lines(view, gather(view), detail.silences),
        *grid(_cells(view, glance)),
        *_shared(glance),
        *_worst(draft, top, detail.url, pages),
        *link_row(_links(view, pages, detail)),
        *([folded] if others else []),
        *_shortened(detail),
    ]
    if draft.acting and glance.acts:
        elements += controls(view, glance)
    return Drawn(whole([*elements, foot(view)]), folded, others)


def minimal(draft: Draft) -> Json:
    """Return the smallest body that still counts, and lets somebody take all of it."""
    view, glance = draft.view, draft.glance
    elements = [
        *mentions(view, calls=draft.calls),
        markdown(joined((*counts(glance), moment(glance.since)), " · ")),
        *_severities(glance),
        *link_row(_links(view, _pages(view, glance), MINIMAL)),
        *_shortened(MINIMAL),
    ]
    button = acknowledge_all(view, glance) if draft.acting and glance.acts else None
    if button is not None:
        elements.append(row([button]))
    return whole([*elements, foot(view)])


def _why(glance: Glance) -> Said:
    if glance.late:
        return say(Phrase.STORM_LATE_WHY)
    if glance.closed:
        return say(Phrase.STORM_OVER_WHY)
    if glance.rank <= CRITICAL:
        return say(Phrase.STORM_WHY)
    between = Said("。", ". ")
    why, critical = say(Phrase.STORM_WHY), say(Phrase.STORM_CRITICAL)
    return Said(*(between[at].join((why[at], critical[at])) for at in (0, 1)))


def _cells(view: View, glance: Glance) -> list[Said | str]:
    """Return the facts of the grid: since when, how many, how bad, and where most of it is."""
    cells: list[Said | str] = [fact(say(Phrase.SINCE), moment(glance.since))]
    ended = view.incident.closed_at
    if ended is not None and not glance.late:
        lasted = f"{moment(ended)} {grey(span(ended - glance.since))}"
        cells.append(fact(say(Phrase.ENDED), lasted))
    cells.append(fact(say(Phrase.INCIDENTS), _counts(glance)))
    if glance.closed and glance.firing:
        still = say(Phrase.OWN_CARDS, count=glance.firing)
        cells.append(fact(say(Phrase.STILL_FIRING), still))
    if glance.severities:
        cells.append(fact(say(Phrase.SEVERITY), _by_severity(view, glance)))
    if glance.values:
        name = short(glance.label, NAME_LIMIT) or "?"
        cells.append(fact(say(Phrase.BY_LABEL, name=name), _by_label(glance)))
    return cells


def _counts(glance: Glance) -> Said:
    found = counts(glance)
    if glance.closed or len(found) > 1:
        found.insert(0, say(Phrase.INCIDENTS_COUNT, count=glance.total))
    return joined(found, " · ")


def _by_severity(view: View, glance: Glance) -> Said:
    lines = []
    for name, count in glance.severities:
        said = severity(short(name, NAME_LIMIT))
        sign = severity_mark(view.scale.order.index(name), view.scale)
        lines.append(Said(*(f"{sign} {text} **{count}**" for text in said)))
    return joined(lines, "\n")


def _severities(glance: Glance) -> list[Json]:
    said = [
        Said(*(f"{text} **{count}**" for text in severity(short(name, NAME_LIMIT))))
        for name, count in glance.severities
    ]
    return [markdown(joined(said, " · "))] if said else []


def _by_label(glance: Glance) -> Said:
    lines: list[Said | str] = [
        f"{short(value, VALUE_LIMIT) or '?'} **{count}**" if value else _others(count)
        for value, count in glance.values
    ]
    return joined(lines, "\n")


def _others(count: int) -> Said:
    return aside(say(Phrase.OTHER_VALUES, count=count))


def _shared(glance: Glance) -> list[Json]:
    """Say what all of it has in common: the first thing to look at."""
    if not glance.common:
        return []
    shown = [
        f"{short(name, NAME_LIMIT)}={short(value, VALUE_LIMIT)}"
        for name, value in sorted(glance.common.items())[:SHARED_MOST]
    ]
    if len(glance.common) > SHARED_MOST:
        shown.append(f"… +{len(glance.common) - SHARED_MOST}")
    said = fact(say(Phrase.SHARED_LABELS), " · ".join(shown))
    return [markdown(said)]


def _worst(draft: Draft, top: Sequence[Gathered], url: int, pages: Mapping[str, str]) -> list[Json]:
    if not top:
        return []
    title = say(Phrase.WORST, count=len(top))
    lines = worst_lines(draft.view, draft.glance, top, url, pages)
    # The lines are of no language: in a component of their own they are written only once.
    return [
        markdown(Said(*(f"**{text}**" for text in title))),
        {**markdown("\n".join(lines)), "margin": "-4px 0px 0px 0px"},
    ]


def _pages(view: View, glance: Glance) -> dict[str, str]:
    """Return the page of each source's Alertmanager that shows what it has part in."""
    pages = {
        source: alerts_page(_base(view, glance, source), labels)
        for source, labels in glance.shares.items()
    }
    return {source: url for source, url in pages.items() if url}


def _base(view: View, glance: Glance, source: str) -> str:
    """Return the address of a source's Alertmanager; a digest's links name those it knows."""
    if view.source_url and len(glance.shares) == 1:
        return view.source_url
    return dict(view.incident.links).get(source, "")


def _links(view: View, pages: Mapping[str, str], detail: Detail) -> list[tuple[Said, str]]:
    """Return the links to the sources' Alertmanagers, and to the whole list."""
    found = []
    for source, url in pages.items():
        name = plain(source, NAME_LIMIT)
        several = len(pages) > 1 and name
        said = say(Phrase.LINK_ALERTS_OF, source=name) if several else say(Phrase.LINK_ALERTS)
        found.append((said, url))
    found.append((say(Phrase.LINK_CONSOLE), console(view)))
    return [(said, url) for said, url in found if url and len(url) <= LINK_URL][: detail.links]


def _shortened(detail: Detail) -> list[Json]:
    return [note(say(Phrase.SHORTENED))] if detail.note else []
