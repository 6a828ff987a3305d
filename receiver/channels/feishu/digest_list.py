"""The incidents of a digest by name, in signs of no language: they are written once for all."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from receiver.channels.base import View
from receiver.channels.feishu.digest_glance import Glance, common
from receiver.channels.feishu.facts import narrow_first
from receiver.channels.feishu.listing import TODAY, left_out, severity_mark
from receiver.channels.feishu.markdown import grey, moment, safe_url, short
from receiver.channels.feishu.parts import markdown, panel, plain_block
from receiver.channels.feishu.size import Json, weight
from receiver.channels.feishu.text import plain
from receiver.domain.alert import shown_labels
from receiver.domain.digest import Gathered
from receiver.domain.reason import State
from receiver.domain.severity import SeverityScale
from receiver.phrases import Phrase, say

PANEL_ID = "incidents"
NAMED_MOST = 3_000  # more names than this never fit
OWN_MOST = 3  # labels that tell one of the worst from the others
TITLE_LIMIT = 80
NAME_LIMIT = 40
VALUE_LIMIT = 60
BETWEEN = ", "
BREAK = 2  # bytes of a line's end, once it is written

_STATES = {State.SUPPRESSED: "🔕", State.RESOLVED: "✅", State.NOTE: "💬"}


class Shape(NamedTuple):
    """How much is said of each incident in the folded list."""

    labels: int  # that tell it from those of the same name
    shared: int  # that those of the same name share
    once: bool = False  # what the values of one name begin with is written once


# From the clearest to the shortest: the first one in which all find room is taken.
SHAPES = (Shape(3, 2), Shape(2, 0), Shape(1, 0, once=True))
ONCE_LEAST = 4  # characters that are worth it


class Group(NamedTuple):
    """Incidents of one name, one severity and one state: their name is written once."""

    head: str
    own: tuple[dict[str, str], ...]  # of each incident, what not all of the digest share
    firing: tuple[int, ...]  # alerts of each


class Roll(NamedTuple):
    """Lines that name as many incidents as there was room for."""

    lines: list[str]
    named: int = 0


def mark(one: Gathered, scale: SeverityScale) -> str:
    """Return the sign of an incident: how bad it is, or that it is muted or over."""
    if one.state in _STATES:
        return _STATES[one.state]
    bad = severity_mark(one.rank, scale)
    return f"{bad}👤" if one.state is State.ACKNOWLEDGED else bad


def worst_lines(
    view: View, glance: Glance, top: Sequence[Gathered], url: int, pages: Mapping[str, str]
) -> list[str]:
    """Return a line for each of the worst: its name, linked, and what tells it from the others."""
    return [_worst_line(view, glance, one, url, pages) for one in top]


def _worst_line(
    view: View, glance: Glance, one: Gathered, url: int, pages: Mapping[str, str]
) -> str:
    name = short(one.title, TITLE_LIMIT) or f"#{one.incident}"
    link = next((each for each in _links(one, pages) if each and len(each) <= url), "")
    aside = [
        f"×{one.firing}" if one.firing > 1 else "",
        short(one.source, NAME_LIMIT) if len(glance.sources) > 1 else "",
        moment(one.since, day=view.now - one.since > TODAY),
    ]
    parts = [
        mark(one, view.scale),
        f"**[{name}]({link})**" if link else f"**{name}**",
        *_telling_pairs(_own(one, glance.common, view.scale.label)),
        grey(" ".join(filter(None, aside))),
    ]
    return " ".join(filter(None, parts))


def _telling_pairs(own: Mapping[str, str]) -> list[str]:
    """Return what tells an incident from the others: the first goes without its label's name."""
    names = sorted(own, key=narrow_first)[:OWN_MOST]
    values = [short(own[name], VALUE_LIMIT) for name in names]
    return [
        f"{short(name, NAME_LIMIT)}={value}" if at else value
        for at, (name, value) in enumerate(zip(names, values, strict=True))
    ]


def _links(one: Gathered, pages: Mapping[str, str]) -> Iterator[str]:
    yield safe_url(one.url) if one.url else ""
    yield pages.get(one.source, "")


def _own(one: Gathered, shared: Mapping[str, str], label: str) -> dict[str, str]:
    """Return what tells an incident from the others, besides its name and its severity."""
    return {
        name: value
        for name, value in shown_labels(one.labels).items()
        if value and value != one.title and name != label and shared.get(name) != value
    }


def incidents_panel(glance: Glance, others: int) -> Json:
    """Return the panel that ``fill`` then fills."""
    key = Phrase.ALL_INCIDENTS if others == glance.total else Phrase.ALL_OTHERS
    return panel(say(key, count=others), PANEL_ID, [])


def fill(folded: Json, view: View, roll: Roll, left: int) -> None:
    """Put the names into the panel, and say below them how many were left out."""
    elements = folded["elements"]
    if roll.lines:
        elements.append(plain_block("\n".join(roll.lines)))
    if left:
        elements.append(markdown(left_out(view, left), small=True))


def called_over(view: View, glance: Glance, others: Sequence[Gathered], room: int) -> Roll:
    """Name the incidents in plain text, as clearly as all of them find room in ``room`` bytes."""
    groups = _groups(view, glance, others[:NAMED_MOST])
    roll = Roll([])
    for shape in SHAPES:
        roll = _roll(groups, shape, room)
        if roll.named == len(others):
            break
    return roll


def _groups(view: View, glance: Glance, others: Iterable[Gathered]) -> list[Group]:
    together: dict[tuple[str, str, str], list[Gathered]] = {}
    for one in others:
        together.setdefault((mark(one, view.scale), one.title, one.source), []).append(one)
    several = len(glance.sources) > 1
    groups = []
    for (sign, title, source), members in together.items():
        name = plain(title, TITLE_LIMIT) or f"#{members[0].incident}"
        place = f" ({plain(source, NAME_LIMIT)})" if several else ""
        count = f" ×{len(members)}" if len(members) > 1 else ""
        own = tuple(_own(one, glance.common, view.scale.label) for one in members)
        firing = tuple(one.firing for one in members)
        groups.append(Group(f"{sign} {name}{place}{count}", own, firing))
    return groups


def _roll(groups: Iterable[Group], shape: Shape, room: int) -> Roll:
    lines: list[str] = []
    found = 0
    for group in groups:
        line, named = _line(group, shape, room - BREAK)
        found += named
        if named:
            lines.append(line)
            room -= weight(line) + BREAK
    return Roll(lines, found)


def _line(group: Group, shape: Shape, room: int) -> tuple[str, int]:
    """Return a group's line, and how many of its incidents found room in it."""
    frame = _frame(group, shape)
    room -= weight(frame.head)
    if not frame.names:
        return frame.head, len(group.own) if room >= 0 else 0
    parts: list[str] = []
    for own, firing in zip(group.own, group.firing, strict=True):
        part = _named(own, frame, firing)
        room -= weight(part) + len(BETWEEN)
        if room < 0:
            break
        parts.append(part)
    return frame.head + BETWEEN.join(parts), len(parts)


class Frame(NamedTuple):
    """What a line begins with, and what then follows for each incident."""

    head: str
    names: tuple[str, ...] = ()  # the labels whose values follow
    begin: str = ""  # what all of them begin with, which the head says


def _frame(group: Group, shape: Shape) -> Frame:
    if len(group.own) == 1:
        return Frame(" ".join([group.head, *_pairs(group.own[0], shape.labels)]))
    same = common(group.own)
    head = " ".join([group.head, *_pairs(same, shape.shared)])
    names = _telling(group.own, same, shape.labels)
    if not names:
        return Frame(head)
    begin = _begin(group.own, names[0]) if shape.once and len(names) == 1 else ""
    told = "/".join(plain(name, NAME_LIMIT) for name in names)
    what = f"{told}={plain(begin, VALUE_LIMIT)}…" if begin else told
    return Frame(f"{head} · {what}:\n", tuple(names), begin)


def _begin(own: Iterable[Mapping[str, str]], name: str) -> str:
    """Return what all values of a label begin with, up to a sign that parts words."""
    values = [each.get(name, "") for each in own]
    first, last = min(values), max(values)
    same = 0
    for at, (here, there) in enumerate(zip(first, last, strict=False)):
        if here != there:
            break
        if not here.isalnum():
            same = at + 1
    return first[:same] if ONCE_LEAST <= same <= VALUE_LIMIT else ""


def _pairs(labels: Mapping[str, str], most: int) -> list[str]:
    return [
        f"{plain(name, NAME_LIMIT)}={plain(labels[name], VALUE_LIMIT)}"
        for name in sorted(labels, key=narrow_first)[:most]
    ]


def _telling(own: Sequence[dict[str, str]], same: Mapping[str, str], most: int) -> list[str]:
    """Return the labels that tell incidents apart best, and no more than it takes."""
    names = {name for each in own for name in each if name not in same}
    kinds = {name: len({each.get(name, "") for each in own}) for name in names}
    chosen: list[str] = []
    for name in sorted(names, key=lambda each: (-kinds[each], narrow_first(each)))[:most]:
        chosen.append(name)
        if len({tuple(each.get(label, "") for label in chosen) for each in own}) == len(own):
            break
    return chosen


def _named(own: Mapping[str, str], frame: Frame, firing: int) -> str:
    start = len(frame.begin)
    values = [plain(own[name][start:], VALUE_LIMIT) for name in frame.names if name in own]
    said = " ".join(filter(None, values)) or "?"
    return f"{said} ×{firing}" if firing > 1 else said
