"""What a message says, and what can be done on it."""

from collections.abc import Iterator
from typing import Any

from receiver.sandbox.state import Message

Json = dict[str, Any]


def controls(card: Json) -> dict[str, str]:
    """Return the JSON pointers of a card's controls by what they ask for."""
    found: dict[str, str] = {}
    for pointer, element in _walk(card, ""):
        for behavior in element.get("behaviors", ()):
            if behavior["type"] == "callback":
                found[behavior["value"]["a"]] = pointer
    return found


def _walk(node: object, pointer: str) -> Iterator[tuple[str, Json]]:
    if isinstance(node, dict):
        yield pointer, node
        for key, value in node.items():
            yield from _walk(value, f"{pointer}/{key}")
    elif isinstance(node, list):
        for at, value in enumerate(node):
            yield from _walk(value, f"{pointer}/{at}")


def values(card: Json) -> dict[str, Json]:
    """Return what a card's controls send back, by what they ask for."""
    return {
        behavior["value"]["a"]: behavior["value"]
        for _, element in _walk(card, "")
        for behavior in element.get("behaviors", ())
        if behavior["type"] == "callback"
    }


def words(message: Message, language: str = "en_us") -> str:
    """Return all that a message says in a language."""
    return said(message.content, language)


def said(content: Json, language: str = "en_us") -> str:
    """Return all that a message's content says in a language."""
    found: list[str] = []
    for _, node in _walk(content, ""):
        texts = node.get("i18n_content", {})
        own = texts.get(language, node.get("content", node.get("text")))
        if isinstance(own, str):
            found.append(own)
    return "\n".join(found)


def colour(message: Message) -> str:
    """Return the colour of a card's header."""
    return str(message.content.get("header", {}).get("template", ""))
