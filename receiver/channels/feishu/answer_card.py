"""The card that answers a command: a title, and lines in which nothing is markup."""

from dataclasses import dataclass

from receiver.channels.feishu.markdown import escape, moment
from receiver.channels.feishu.parts import joined, markdown, plain_text
from receiver.channels.feishu.size import APP_BYTES, Json, fits, written
from receiver.channels.feishu.text import line, plain
from receiver.phrases import Said

# Lines, and characters of each piece of one: what fits is shown. A character may take five bytes.
LADDER = ((40, 300), (40, 120), (40, 60), (20, 40), (8, 20))
TITLE_LIMIT = 120
_MORE = Said("…", "…")

# A text in both languages, or a time in Unix ms, which each reader sees in their own zone.
Piece = Said | int
Line = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command is answered with; the texts are raw."""

    title: Said
    lines: tuple[Line, ...] = ()
    colour: str = "blue"


def render_answer(answer: Answer) -> str:
    """Return the message, its texts cut shorter where it would be more than a card holds."""
    raw = b""
    for lines, limit in LADDER:
        raw = written(_message(answer, lines, limit))
        if fits(raw, APP_BYTES):
            break
    return raw.decode()


def is_whole(answer: Answer) -> bool:
    """Say whether an answer fits as it is."""
    return fits(written(_message(answer, *LADDER[0])), APP_BYTES)


def _message(answer: Answer, lines: int, limit: int) -> Json:
    shown = [_drawn(each, limit) for each in answer.lines[:lines]]
    if len(answer.lines) > lines:
        shown.append(_MORE)
    title = Said(*(plain(text, TITLE_LIMIT) for text in answer.title))
    elements: list[Json] = [markdown(joined(shown, "\n"))] if shown else []
    card = {
        "schema": "2.0",
        "config": {"update_multi": True},
        "header": {"title": plain_text(title), "template": answer.colour},
        "body": {"padding": "12px", "elements": elements},
    }
    return {"msg_type": "interactive", "content": card}


def _drawn(pieces: Line, limit: int) -> Said:
    return joined([_piece(piece, limit) for piece in pieces], "")


def _piece(piece: Piece, limit: int) -> Said:
    if isinstance(piece, int):
        return Said(moment(piece), moment(piece))
    return Said(*(escape(_kept(text, limit)) for text in piece))


def _kept(text: str, limit: int) -> str:
    """Return a line of bounded length; a blank at its ends separates it from its neighbours."""
    first = " " if text[:1].isspace() else ""
    last = " " if text[-1:].isspace() else ""
    return f"{first}{line(text, limit)}{last}"
