"""What the platform reads out of markdown: mentions, links and tables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

ALL = "all"

_AT = re.compile(r"<at\s+([^>]*?)/?>", re.IGNORECASE)
_PERSON = re.compile(r"<person\s+([^>]*?)/?>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([a-z_]+)\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'>]+)", re.IGNORECASE)
_LINK = re.compile(r"(?<!\\)\]\(\s*<?([^)\s>]*)")
_WHOLE_LINK = re.compile(r"!?\[[^\]]*\]\([^)]*\)|<[^>]*>|`[^`]*`")
_ANCHOR = re.compile(r"<(?:a|link)\s+([^>]*?)/?>", re.IGNORECASE)
_TABLE_RULE = re.compile(r"^\s*\|?\s*:?-{1,}:?\s*(\|\s*:?-{1,}:?\s*)+\|?\s*$", re.MULTILINE)
# A bare address that runs into Chinese text breaks the send.
_GLUED = re.compile(r"https?://[!-~]+[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
_IMAGE = re.compile(r"!\[[^\]]*\]\(\s*(img_[^)\s]*)")
_SCHEMES = ("http://", "https://", "lark://", "tel://", "tel:", "mailto:", "sslocal://", "img_")


@dataclass(frozen=True, slots=True)
class Mention:
    """One person (or `all`) that a text names, by `id` or by `email`."""

    by: str
    who: str


def _attributes(text: str) -> dict[str, str]:
    return {name.lower(): value.strip("\"'") for name, value in _ATTRIBUTE.findall(text)}


def mentions(markdown: str) -> Iterator[Mention]:
    """Yield who a card's markdown mentions: `<at id=…>`, `ids=a,b` and `email=…`."""
    if "<" not in markdown:
        return
    for tag in _AT.findall(markdown):
        found = _attributes(tag)
        ids = found.get("ids", "") or found.get("id", "") or found.get("user_id", "")
        for who in filter(None, (part.strip() for part in ids.split(","))):
            yield Mention("id", who)
        if email := found.get("email"):
            yield Mention("email", email)


def people(markdown: str) -> Iterator[str]:
    """Yield the ids of `<person id=…>`, who are shown and not notified."""
    if "<" in markdown:
        for tag in _PERSON.findall(markdown):
            if who := _attributes(tag).get("id"):
                yield who


def bad_link(markdown: str) -> str | None:
    """Return the first link target that has no scheme the client opens, or None."""
    targets = [target for target in _LINK.findall(markdown) if target]
    for tag in _ANCHOR.findall(markdown):
        found = _attributes(tag)
        targets += [found[name] for name in ("href", "url") if found.get(name)]
    return next((t for t in targets if not t.lower().startswith(_SCHEMES)), None)


def glued_link(markdown: str) -> str | None:
    """Return a bare address that is followed directly by Chinese text, or None."""
    if "://" not in markdown:
        return None
    found = _GLUED.search(_WHOLE_LINK.sub(" ", markdown))
    return found.group() if found else None


def tables(markdown: str) -> int:
    """Count the tables of a markdown text by their rules."""
    return len(_TABLE_RULE.findall(markdown)) if "|" in markdown else 0


def images(markdown: str) -> list[str]:
    """List the image keys that a markdown text shows."""
    return _IMAGE.findall(markdown) if "![" in markdown else []


# https://open.feishu.cn/document/server-docs/im-v1/message-content-description/create_json (text)
_TEXT_AT = re.compile(r"<at\s+([^>]*?)>(.*?)</at>", re.DOTALL)


def text_mentions(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield (whole tag, id, shown name) for each mention in a text or post message."""
    for found in _TEXT_AT.finditer(text):
        attributes = _attributes(found.group(1))
        who = attributes.get("user_id") or attributes.get("id") or attributes.get("open_id") or ""
        yield found.group(), who, found.group(2)
