"""How on-call lists are written."""

import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from receiver.config.document import Entries, Items
from receiver.config.duty import (
    Calendar,
    Endpoint,
    Escalation,
    OncallList,
    RotationConfig,
    StandIn,
    at,
)
from receiver.config.kinds import Kind, choice, duration, listed, named, pattern
from receiver.config.place import Notes, Place, plain_text
from receiver.config.secret_kinds import CALENDAR_URL, TOKEN
from receiver.config.section import section
from receiver.config.urls import HEADERS, LIST_URL
from receiver.domain.escalated import EscalationStep, Via
from receiver.domain.oncall import MENTION as ONCALL
from receiver.domain.oncall import list_of

PLACES = ("rotation", "ical", "http")
DAY_HOURS = 24
SECOND, HOUR = 1000, 3_600_000
EVERYBODY = "all"

_PERSON = r"ou_[A-Za-z0-9_-]{1,64}|[^\s@<>\"]{1,64}@[A-Za-z0-9.-]{1,255}"
_MENTION = re.compile(rf"all|{_PERSON}|{ONCALL}.*")
_EVERY = re.compile(r"([1-9]\d{0,2})(h|d|w)", re.ASCII)
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def learn_lists(root: Entries, notes: Notes) -> None:
    """Note the names that mentions and routes may use, also of entries that are wrong elsewhere."""
    notes.lists = _names(root, "oncall", notes)
    notes.escalations = _names(root, "escalations", notes)


def _names(root: Entries, key: str, notes: Notes) -> frozenset[str]:
    entries = root.entries.get(key)
    items = entries.items if isinstance(entries, Items) else []
    names = (
        plain_text(item.entries.get("name"), notes.environ)
        for item in items
        if isinstance(item, Entries)
    )
    return frozenset(names) - {""}


def _escalation(place: Place) -> str:
    text, names = place.text(), place.notes.escalations
    if text not in names:
        known = ", ".join(sorted(names))
        raise place.refuse(
            f"name one of escalations: {known}" if known else "add it to escalations"
        )
    return text


def _via(place: Place) -> Via:
    return Via(_VIA.read(place))


def _check_step(values: Mapping[str, Any], place: Place) -> None:
    urgent = values.get("via", Via.MENTION) is not Via.MENTION
    if urgent and EVERYBODY in values.get("whom", ()):
        place.note_at("whom", "name people or a list: only a mention can call everybody", "all")


def _check_steps(values: Mapping[str, Any], place: Place) -> None:
    steps = values.get("steps") or ()
    if not steps:
        return
    places = place.entry("steps").items()
    for here, before, step in zip(places[1:], steps[:-1], steps[1:], strict=True):
        if step.after < before.after:
            here.note_at("after", "put the steps in the order of their times", "an earlier time")


def _mention(place: Place) -> str:
    text = _KNOWN_SHAPE(place)
    name = list_of(text)
    if text.startswith(ONCALL) and name not in place.notes.lists:
        known = ", ".join(f"{ONCALL}{each}" for each in sorted(place.notes.lists))
        raise place.refuse(f"name a list of oncall: {known}" if known else "add it to oncall")
    return text


def _zone(place: Place) -> ZoneInfo:
    text = place.text()
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise place.refuse("write a time zone's name, such as Asia/Shanghai or UTC") from None


def _when(place: Place) -> datetime:
    try:
        return datetime.fromisoformat(place.text())
    except ValueError:
        raise place.refuse("write a day or a time: 2026-01-05 or 2026-01-05T09:00") from None


def _start(place: Place) -> datetime:
    when = _when(place)
    if when.tzinfo is not None:
        raise place.refuse("write it without an offset: zone says where it is")
    return when


def _clock(place: Place) -> time:
    found = _CLOCK.fullmatch(place.text())
    if found is None:
        raise place.refuse('write hours and minutes in quotes, such as "09:00"')
    return time(int(found[1]), int(found[2]))


def _every(place: Place) -> timedelta | None:
    text = place.text()
    if text == "weekdays":
        return None
    found = _EVERY.fullmatch(text)
    if found is None or (found[2] == "h" and DAY_HOURS % int(found[1])):
        cure = "write 1d, 7d, 2w, weekdays, or hours that divide a day, such as 12h"
        raise place.refuse(cure)
    return int(found[1]) * _UNITS[found[2]]


def _file(place: Place) -> Path:
    return place.notes.base / place.text()


def _check_rotation(values: Mapping[str, Any], place: Place) -> None:
    start = values.get("start")
    if start is not None and start.time() != time() and values.get("handover") is not None:
        place.note_at("handover", "keep one: start names a time already", "both")
    zone = values.get("zone")
    if zone is None or not values.get("overrides"):
        return
    for here, each in zip(place.entry("overrides").items(), values["overrides"], strict=True):
        if at(each.ends, zone) <= at(each.begins, zone):
            here.note_at("to", "write a time after from", "no time at all")


def _check_calendar(values: Mapping[str, Any], place: Place) -> None:
    named_both = values.get("url") is not None and values.get("file") is not None
    if named_both or (values.get("url", ...) is None and values.get("file", ...) is None):
        place.note("name one of url and file", "both" if named_both else "neither")


def _check_list(values: Mapping[str, Any], place: Place) -> None:
    given = [key for key in PLACES if values.get(key, ...) is not None]
    if len(given) != 1:
        seen = " and ".join(given) or "none of them"
        place.note(f"give it exactly one of {', '.join(PLACES)}", seen)


_KNOWN_SHAPE = pattern(
    _MENTION, "write an open_id (ou_…), an e-mail address, all, or oncall: and a list's name"
)
_PERSON_KIND = pattern(re.compile(_PERSON), "write an open_id (ou_…) or an e-mail address")
MENTION = Kind("mention", _mention)
PERSON = Kind("person", _PERSON_KIND)
WHEN = Kind("time", _when)
ZONE = Kind("time zone", _zone)
OVERRIDE = section(StandIn, {"from": WHEN, "to": WHEN, "person": PERSON})
ROTATION = section(
    RotationConfig,
    {
        "zone": ZONE,
        "start": Kind("time", _start),
        "handover": Kind("hour", _clock),
        "every": Kind("turn", _every),
        "people": listed(PERSON, least=1, once=False),
        "overrides": listed(OVERRIDE),
    },
    _check_rotation,
)
CALENDAR = section(
    Calendar,
    {
        "url": CALENDAR_URL,
        "file": Kind("file", _file),
        "zone": ZONE,
        "headers": HEADERS,
        "every": duration(10 * SECOND, 24 * HOUR),
    },
    _check_calendar,
)
ENDPOINT = section(
    Endpoint,
    {
        "url": LIST_URL,
        "headers": HEADERS,
        "bearer_token": TOKEN,
        "every": duration(10 * SECOND, 24 * HOUR),
    },
)
_VIA = choice(*Via)
ESCALATION_NAME = Kind("name", _escalation)
STEP = section(
    EscalationStep,
    {
        "after": duration(0, 7 * 24 * HOUR),
        "via": Kind(_VIA.name, _via),
        "whom": listed(MENTION),
    },
    _check_step,
)
ESCALATION = section(
    Escalation,
    {"name": named("escalation"), "steps": listed(STEP, least=1, once=False)},
    _check_steps,
)
ONCALL_LIST = section(
    OncallList,
    {"name": named("on-call list"), "rotation": ROTATION, "ical": CALENDAR, "http": ENDPOINT},
    _check_list,
)
