"""The card's markdown dialect: escaping, times, mentions and links.

https://open.feishu.cn/document/uAjLw4CM/ukzMukzMukzM/feishu-cards/card-json-v2-components/content-components/rich-text
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, urlsplit

from receiver.channels.feishu.text import CACHED, CACHED_LENGTH, clean, line, lines

# The dialect's own table of entities, and the signs that begin a table, a heading or a mention.
_ENTITIES = str.maketrans(
    {
        "&": "&#38;",
        "<": "&#60;",
        ">": "&#62;",
        "~": "&sim;",
        "-": "&#45;",
        "!": "&#33;",
        "*": "&#42;",
        "/": "&#47;",
        "\\": "&#92;",
        "[": "&#91;",
        "]": "&#93;",
        "(": "&#40;",
        ")": "&#41;",
        "#": "&#35;",
        ":": "&#58;",
        "+": "&#43;",
        '"': "&#34;",
        "'": "&#39;",
        "`": "&#96;",
        "$": "&#36;",
        "_": "&#95;",
        "@": "&#64;",
        "|": "&#124;",
        "=": "&#61;",
    }
)
# "1." at the start of a line begins a list, and four blanks a block of code.
_NUMBERED = re.compile(r"^(\s*\d{1,9})\.", re.MULTILINE)
_INDENT = re.compile(r"^ +", re.MULTILINE)
_NBSP = "\u00a0"

# An open_id, or everybody: https://open.feishu.cn/document/faqs/trouble-shooting/how-to-obtain-openid
_PERSON = re.compile(r"(?:ou_[A-Za-z0-9_-]{1,64}|all)", re.ASCII)
# The last moment that every client can draw.
LATEST = 253_402_300_799_000

URL_LIMIT = 1_500  # characters, after encoding
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\]", re.ASCII)
_HOST_AND_PORT = re.compile(rf"({_HOST.pattern})(:\d{{1,5}})?", re.ASCII)
# "%" stays: what is encoded already is not encoded twice. A colon in a query may be refused.
_PATH_SAFE = "%/-._~,;=@&+$:"
_QUERY_SAFE = "%/-._~,;=@&+$?"
_BROKEN_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def escape(text: str) -> str:
    """Escape one line of text from outside: nothing in it is markup any more."""
    if len(text) <= CACHED_LENGTH:
        return _escaped(text)
    return _escaped.__wrapped__(text)


@lru_cache(maxsize=CACHED)
def _escaped(text: str) -> str:
    flat = clean(text).replace("\n", " ")
    return _NUMBERED.sub(r"\1&#46;", flat.translate(_ENTITIES))


def escape_lines(text: str) -> str:
    """Escape text of several lines, which keep their breaks and their indentation."""
    escaped = _NUMBERED.sub(r"\1&#46;", clean(text).translate(_ENTITIES))
    return _INDENT.sub(lambda blanks: _NBSP * len(blanks[0]), escaped)


def short(text: str, limit: int) -> str:
    """Return one escaped line of at most ``limit`` characters, before escaping."""
    return escape(line(text, limit))


def block(text: str, limit: int, most: int) -> str:
    """Return an escaped text of at most ``most`` lines and ``limit`` characters."""
    return escape_lines(lines(text, limit, most))


def known_people(people: Iterable[str]) -> list[str]:
    """Return the ids that may stand in a mention, each once."""
    return [who for who in dict.fromkeys(people) if _PERSON.fullmatch(who)]


def mention(who: str) -> str:
    """Return the mention of an id from ``known_people``."""
    return f"<at id={who}></at>"


def moment(at: int, *, day: bool = True) -> str:
    """Return a time (Unix ms) that each reader sees in their own time zone."""
    tag = f"<local_datetime millisecond='{min(max(at, 0), LATEST)}' format_type='"
    clock = f"{tag}time'></local_datetime>"
    return f"{tag}date_short'></local_datetime> {clock}" if day else clock


def grey(markdown: str) -> str:
    """Return a text that steps back; it must be markdown of ours or escaped."""
    return f"<font color='grey'>{markdown}</font>"


def safe_url(url: str) -> str:
    """Return an http(s) address, encoded so that it can stand anywhere; empty if it is none.

    An address with a user name is none: it says one host and opens another.
    """
    try:
        parts = urlsplit(url.strip())
        netloc = parts.netloc
        if not netloc.isascii():
            netloc = netloc.encode("idna").decode()
    except ValueError:  # UnicodeError is one
        return ""
    if parts.scheme.lower() not in ("http", "https") or not _HOST_AND_PORT.fullmatch(netloc):
        return ""
    path = _quoted(parts.path, _PATH_SAFE)
    query = f"?{_quoted(parts.query, _QUERY_SAFE)}" if parts.query else ""
    fragment = f"#{_quoted(parts.fragment, _QUERY_SAFE)}" if parts.fragment else ""
    found = f"{parts.scheme.lower()}://{netloc}{path}{query}{fragment}"
    return found if len(found) <= URL_LIMIT else ""


def _quoted(text: str, safe: str) -> str:
    return quote(_BROKEN_PERCENT.sub("%25", text), safe=safe, errors="replace")


_AGENT = re.compile(
    r"\*\*(?P<bold>[^*\n]{1,400})\*\*"
    r"|(?<![*\w])\*(?P<italic>[^*\s](?:[^*\n]{0,400}[^*\s])?)\*(?![*\w])"
    r"|`(?P<code>[^`\n]{1,400})`"
    r"|\[(?P<label>[^\]\n]{1,200})\]\((?P<url>https?://[^\s()<>]{1,1500})\)"
)
_HEADING = re.compile(r"^#{1,6} +(.*?) *#*$")
_BULLET = re.compile(r"^( {0,6})[-*+] +")


def agent_markdown(text: str, limit: int, most: int) -> str:
    """Return an agent's markdown, of which only a harmless part keeps its meaning.

    Bold, italics, code (as bold), bullets, headings (as bold lines) and http links stay; all else
    is shown as it was written, so that it can mention nobody and hide nothing.
    """
    return "\n".join(_agent_line(part) for part in lines(text, limit, most).split("\n"))


def _agent_line(text: str) -> str:
    heading = _HEADING.match(text)
    if heading:
        return f"**{escape(heading[1])}**" if heading[1] else ""
    bullet = _BULLET.match(text)
    if bullet:
        return f"{bullet[1]}- {_agent_inline(text[bullet.end() :])}"
    return _agent_inline(text)


def _agent_inline(text: str) -> str:
    drawn: list[str] = []
    at = 0
    for found in _AGENT.finditer(text):
        drawn += (_between(text, at, found.start()), _agent_token(found))
        at = found.end()
    return "".join((*drawn, _between(text, at, len(text))))


def _between(text: str, start: int, end: int) -> str:
    """Escape what stands between two tokens; only at its start can a line begin a block."""
    part = text[start:end]
    return clean(part).translate(_ENTITIES) if start else escape_lines(part)


def _agent_token(found: re.Match[str]) -> str:
    if found["bold"] is not None:
        return f"**{escape(found['bold'])}**" if found["bold"].strip() else escape(found[0])
    if found["italic"] is not None:
        return f"*{escape(found['italic'])}*"
    if found["code"] is not None:
        # Entities may not be read inside a code span: code is shown as the text that it is.
        return f"**{escape(found['code'])}**" if found["code"].strip() else escape(found[0])
    url = safe_url(found["url"])
    return f"[{escape(found['label'])}]({url})" if url else escape(found[0])
