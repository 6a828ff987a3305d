"""Targets: a chat of one app, a chat that several apps serve, or a group bot."""

import re
from collections.abc import Mapping
from typing import Any

from receiver.config.document import Entries, Items, Scalar
from receiver.config.kinds import Kind, listed, pattern
from receiver.config.place import Notes, Place, plain_text
from receiver.config.problem import shown_url
from receiver.config.section import section
from receiver.config.values import FEISHU_URL, Spread

BOT_MARKS = ("webhook_url", "webhook_url_file")
_CHAT = re.compile(r"[A-Za-z0-9_-]{1,128}")


def learn_channels(root: Entries, notes: Notes) -> None:
    """Note the names that routes may use and where they lead, also of entries wrong elsewhere."""
    feishu = root.entries.get("feishu")
    channels: dict[str, str] = {}
    platforms: dict[str, str] = {}
    for item in feishu.items if isinstance(feishu, Items) else []:
        if not isinstance(item, Entries):
            continue
        bot = any(mark in item.entries for mark in BOT_MARKS)
        name = plain_text(item.entries.get("name"), notes.environ)
        channels[name] = "bot" if bot else "app"
        base = plain_text(item.entries.get("base_url"), notes.environ)
        platforms[name] = base.rstrip("/") or FEISHU_URL
    notes.channels, notes.platforms = channels, platforms


def _target(place: Place) -> str:
    text = place.text()
    name, colon, chat = text.partition(":")
    kind = place.notes.channels.get(name)
    if kind is None or not name:
        known = ", ".join(sorted(filter(None, place.notes.channels)))
        raise place.refuse(f"name an entry of feishu: {known}" if known else "add it to feishu")
    if kind == "bot" and colon:
        raise place.refuse(f"write {name} alone: a group bot has one chat")
    if kind == "app" and not _CHAT.fullmatch(chat):
        raise place.refuse(f"write {name}:oc_…, with the chat's id")
    return text


def _as_text(place: Place) -> str:
    if not isinstance(place.item, Scalar):
        raise place.refuse("write one target as a text, such as 'ops:oc_…', or a group bot's name")
    return _target(place)


def _app(place: Place) -> str:
    text = place.text()
    kind = place.notes.channels.get(text)
    if kind == "bot":
        raise place.refuse(f"write {text} as a target of its own: a group bot has one chat")
    if kind is None or not text:
        apps = (name for name, of in place.notes.channels.items() if of == "app" and name)
        known = ", ".join(sorted(apps))
        raise place.refuse(f"name an app of feishu: {known}" if known else "add it to feishu")
    return text


_APP = Kind("name", _app)
_APPS = listed(_APP, least=1)


def _apps(place: Place) -> Any:
    return (_app(place),) if isinstance(place.item, Scalar) else _APPS.read(place)


def _check_spread(values: Mapping[str, Any], place: Place) -> None:
    platforms = place.notes.platforms
    first, *others = values.get("app") or ("",)
    for name in others:
        here, there = platforms.get(first, FEISHU_URL), platforms.get(name, FEISHU_URL)
        if here != there:
            cure = (
                "name apps of one platform, where the chat is: "
                f"{first} has base_url {shown_url(here)}, {name} has {shown_url(there)}"
            )
            place.note_at("app", cure, "apps with different base_url")
            return


CHAT = Kind("text", pattern(_CHAT, "write the chat's id: oc_…"))
SPREAD = section(Spread, {"app": Kind("name or list of name", _apps), "chat": CHAT}, _check_spread)


def _either(place: Place) -> str | Spread:
    if not isinstance(place.item, Entries):
        return _target(place)
    spread = SPREAD.read(place)
    return spread if len(spread.apps) > 1 else spread.targets[0]


TARGET = Kind("target", _as_text)
PLACED: Kind[str | Spread] = Kind("target", _either, keys=SPREAD.keys)


def check_route(values: Mapping[str, Any], place: Place) -> None:
    """Note the targets that a route names twice, and a fallback that is one of them."""
    targets = values.get("targets")
    if targets is None:
        return
    places = place.entry("targets").items()
    first: dict[str, Place] = {}
    for here, target in zip(places, targets, strict=True):
        for each in target.targets if isinstance(target, Spread) else (target,):
            before = first.setdefault(each, here)
            if before is not here:
                here.note(f"remove one of the two: {before.path} has {each} already")
                break
    same = first.get(values.get("fallback", ""))
    if same is not None:
        place.entry("fallback").note(f"name another target: {same.path} is this one")
