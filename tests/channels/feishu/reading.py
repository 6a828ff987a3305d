"""Reads what a drawn card says, as a person in one language would see it."""

import json
from collections.abc import Iterator
from typing import Any

from receiver.channels.feishu.card import ActionValue, parse_value
from receiver.sandbox.validate import validate
from receiver.sandbox.walk import Drawn, Rules
from tests.channels.views import Tenant

Json = dict[str, Any]


def card_of(text: str) -> Json:
    """Return a message's card, valid for the strict validator."""
    message: Json = json.loads(text)
    assert message["msg_type"] == "interactive"
    content: Json = message["content"]
    drawn(content)
    return content


def drawn(content: Json) -> Drawn:
    """Validate a card as the platform would."""
    return validate(content, Tenant("ou_li", "ou_han"), Rules())


def walk(part: object) -> Iterator[Json]:
    """Yield every object of a document."""
    if isinstance(part, dict):
        yield part
        for value in part.values():
            yield from walk(value)
    elif isinstance(part, list):
        for item in part:
            yield from walk(item)


def said(part: Json, language: str) -> str:
    """Return what a text says in a language."""
    return str(part.get("i18n_content", {}).get(language, part["content"]))


def texts(content: Json, language: str = "en_us") -> str:
    """Return all that the body says, one text below the other."""
    shown = ("markdown", "plain_text")
    parts = (part for part in walk(content["body"]) if part.get("tag") in shown)
    return "\n".join(said(part, language) for part in parts)


def tags(content: Json, language: str = "en_us") -> list[str]:
    """Return the header's tags."""
    return [said(tag["text"], language) for tag in content["header"]["text_tag_list"]]


def clicks(content: Json) -> list[ActionValue]:
    """Return what the controls send, in order."""
    values = [
        parse_value(part["value"]) for part in walk(content) if part.get("type") == "callback"
    ]
    return [value for value in values if value is not None]


def links(content: Json) -> dict[str, str]:
    """Return where the buttons lead, by their English words."""
    return {
        said(part["text"], "en_us"): part["behaviors"][0]["default_url"]
        for part in walk(content)
        if part.get("tag") == "button" and part["behaviors"][0]["type"] == "open_url"
    }
