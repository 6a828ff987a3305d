"""The card that answers a command: a title, and lines in which nothing is markup."""

from dataclasses import dataclass

from receiver.channels.feishu.markdown import escape, moment
from receiver.channels.feishu.parts import joined, markdown, plain_text
from receiver.channels.feishu.size import Json, written
from receiver.channels.feishu.text import line, plain
from receiver.phrases import Said

LINES_MOST = 40
LINE_LIMIT = 300
TITLE_LIMIT = 120

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
    """Return the message; what is more than a card holds was left out, with a word, before."""
    shown = [_drawn(each) for each in answer.lines[:LINES_MOST]]
    title = Said(*(plain(text, TITLE_LIMIT) for text in answer.title))
    elements: list[Json] = [markdown(joined(shown, "\n"))] if shown else []
    card = {
        "schema": "2.0",
        "config": {"update_multi": True},
        "header": {"title": plain_text(title), "template": answer.colour},
        "body": {"padding": "12px", "elements": elements},
    }
    return written({"msg_type": "interactive", "content": card}).decode()


def _drawn(pieces: Line) -> Said:
    return joined([_piece(piece) for piece in pieces], "")


def _piece(piece: Piece) -> Said:
    if isinstance(piece, int):
        return Said(moment(piece), moment(piece))
    return Said(*(escape(_kept(text)) for text in piece))


def _kept(text: str) -> str:
    """Return a line of bounded length; a blank at its ends separates it from its neighbours."""
    first = " " if text[:1].isspace() else ""
    last = " " if text[-1:].isspace() else ""
    return f"{first}{line(text, LINE_LIMIT)}{last}"
