"""Text from outside, made harmless and short enough to be read."""

import re
import unicodedata
from functools import lru_cache

ELLIPSIS = "…"
# How far a cut may step back to keep one drawn character whole.
STEP_BACK = 32
# Remembered texts: labels come again with every card of an incident.
CACHED = 8_192
CACHED_LENGTH = 256

_ZWJ = "\u200d"
# Joiners, variation selectors, skin tones and the tags of regional flags.
_EXTENDS = re.compile("[\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]")
# Controls, the marks that turn text around, and characters that show nothing.
_REMOVED = (
    *range(0x09),
    *range(0x0B, 0x20),
    *range(0x7F, 0xA0),
    0xAD,
    0x61C,
    0x180E,
    0x200B,
    0x200E,
    0x200F,
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    0xFEFF,
    *range(0xFFF9, 0xFFFC),
)
_CLEAN: dict[int, str] = {
    **dict.fromkeys(_REMOVED, ""),
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),  # no UTF-8 can carry these
    0x09: " ",
    0x0D: "",
    0x2028: "\n",
    0x2029: "\n",
}
_UNCLEAN = re.compile(f"[{re.escape(''.join(map(chr, _CLEAN)))}]")
_BLANKS = re.compile(r"\s+")
# Whether plain text draws :OK: as a picture is not documented; a word joiner prevents it.
_EMOJI_CODE = re.compile(r":(?=\w{1,20}:)")
_JOINER = "\u2060"


def clean(text: str) -> str:
    """Remove what is invisible or turns the text around; line breaks become newlines."""
    if _UNCLEAN.search(text) is None:
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_CLEAN)


def cut(text: str, limit: int) -> str:
    """Return at most ``limit`` characters, never half of a drawn character, and say so with …."""
    if len(text) <= limit:
        return text
    end = max(limit - 1, 0)
    lowest = max(end - STEP_BACK, 0)
    while end > lowest and _joined(text, end):
        end -= 1
    return text[:end].rstrip() + ELLIPSIS


def _joined(text: str, at: int) -> bool:
    """Whether the characters before and at a place are drawn as one."""
    here, before = text[at], text[at - 1]
    if before == _ZWJ or _EXTENDS.match(here) or unicodedata.combining(here):
        return True
    return _FLAG.match(before) is not None and _FLAG.match(here) is not None


def line(text: str, limit: int) -> str:
    """Return a text as one clean line of at most ``limit`` characters."""
    if len(text) <= CACHED_LENGTH:
        return _line(text, limit)
    return _line.__wrapped__(text[: 4 * limit + CACHED_LENGTH], limit)


@lru_cache(maxsize=CACHED)
def _line(text: str, limit: int) -> str:
    return cut(_BLANKS.sub(" ", clean(text)).strip(), limit)


def lines(text: str, limit: int, most: int) -> str:
    """Return a text of at most ``most`` clean lines and ``limit`` characters."""
    kept = [part.rstrip() for part in clean(text[: 4 * limit]).strip().split("\n")]
    shorter = [part for at, part in enumerate(kept) if part or (at and kept[at - 1])]
    shown = "\n".join(shorter[:most])
    more = len(shorter) > most or len(text) > 4 * limit
    return cut(shown + ELLIPSIS if more and len(shown) < limit else shown, limit)


def plain(text: str, limit: int) -> str:
    """Return a line for a ``plain_text`` object: it has no markup but, perhaps, emoji codes."""
    return cut(_EMOJI_CODE.sub(f":{_JOINER}", line(text, limit)), limit)


def bare(text: str, limit: int) -> str:
    """Return a line for a text message or a post, where ``<at …>`` would mention people.

    These know no entities, so the signs of markup are replaced by their full-width twins.
    """
    return plain(text, limit).replace("<", "＜").replace("](", "]（").replace("**", "＊＊")


def span(milliseconds: int) -> str:
    """Return how long something took, in its two largest units, in signs of no language."""
    seconds = max(milliseconds, 0) // 1_000
    minutes, hours, days = seconds // 60, seconds // 3_600, seconds // 86_400
    if days:
        return f"{days}d {hours % 24}h"
    if hours:
        return f"{hours}h {minutes % 60}m"
    return f"{minutes}m {seconds % 60}s" if minutes else f"{seconds}s"
