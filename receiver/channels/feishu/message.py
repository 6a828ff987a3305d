"""What people say to the bot: the event of a received message, read.

https://open.feishu.cn/document/server-docs/im-v1/message/events/receive
"""

import re
from typing import Any

import msgspec

from receiver.channels.feishu.content import UNREADABLE

EVENT = "im.message.receive_v1"
MENTIONS_MOST = 50
TEXT_MOST = 8_000  # characters that are looked at


class Mention(msgspec.Struct, frozen=True):
    """Somebody who is called in a message: the placeholder, and who stands behind it."""

    key: str
    open_id: str = ""
    name: str = ""
    bot: bool = False


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wrote; ``thread`` is what it answers to, the root first."""

    message_id: str
    chat_id: str
    open_id: str
    union_id: str = ""
    private: bool = False
    human: bool = True
    text: str = ""  # with placeholders
    mentions: tuple[Mention, ...] = ()
    thread: tuple[str, ...] = ()
    created_at: int = 0  # by the platform's clock, Unix ms; 0 where it does not say

    @property
    def matters(self) -> bool:
        """Whether it may be for the bot at all: it is called, alone with us, or answered to."""
        return self.human and (self.private or self.names_a_bot or bool(self.thread))

    @property
    def names_a_bot(self) -> bool:
        """Whether some bot is called."""
        return any(mention.bot for mention in self.mentions)

    def calls(self, open_id: str) -> bool:
        """Whether this bot is called."""
        return any(bool(open_id) and mention.open_id == open_id for mention in self.mentions)

    def without(self, open_id: str) -> str:
        """Return the text without the mentions of this bot, other people by their names."""
        names = {
            mention.key: "" if open_id and mention.open_id == open_id else f"@{mention.name}"
            for mention in self.mentions
        }
        return _PLACEHOLDER.sub(lambda found: names.get(found[0], found[0]), self.text).strip()


class _Ids(msgspec.Struct):
    open_id: str | None = None
    union_id: str | None = None


class _Sender(msgspec.Struct):
    sender_id: _Ids
    sender_type: str | None = None


class _Called(msgspec.Struct):
    key: str
    id: _Ids | None = None
    name: str | None = None
    mentioned_type: str | None = None


class _Said(msgspec.Struct):
    message_id: str
    chat_id: str
    chat_type: str | None = None
    message_type: str | None = None
    content: str | None = None
    root_id: str | None = None
    parent_id: str | None = None
    create_time: str | int | None = None
    mentions: list[_Called] | None = None


class _Event(msgspec.Struct):
    sender: _Sender
    message: _Said


_PLACEHOLDER = re.compile(r"@_user_[0-9]{1,4}|@_all")
_MILLISECONDS = re.compile(r"[0-9]{1,15}", re.ASCII)
_event = msgspec.json.Decoder(_Event).decode


def read_message(event: msgspec.Raw) -> Message:
    """Read the event.

    Raises:
        DecodeError: it is no such event.

    """
    read = _event(event)
    said, sender = read.message, read.sender
    mentions = said.mentions or []
    return Message(
        message_id=said.message_id,
        chat_id=said.chat_id,
        open_id=sender.sender_id.open_id or "",
        union_id=sender.sender_id.union_id or "",
        private=said.chat_type == "p2p",
        human=sender.sender_type in (None, "user"),
        text=text_of(said.message_type or "", said.content or ""),
        mentions=tuple(_mention(one) for one in mentions[:MENTIONS_MOST]),
        thread=tuple(dict.fromkeys(filter(None, (said.root_id, said.parent_id)))),
        created_at=_moment(said.create_time),
    )


def _moment(said: str | int | None) -> int:
    return int(str(said)) if _MILLISECONDS.fullmatch(str(said)) else 0


def _mention(called: _Called) -> Mention:
    return Mention(
        key=called.key,
        open_id=(called.id and called.id.open_id) or "",
        name=called.name or "",
        bot=called.mentioned_type != "user",
    )


def text_of(kind: str, content: str) -> str:
    """Return the words of a text or a post; empty for a picture and the like. Never raises."""
    try:
        read = msgspec.json.decode(content)
    except (*UNREADABLE, UnicodeEncodeError):
        return ""
    if not isinstance(read, dict):
        return ""
    if kind == "text":
        text = read.get("text")
        return text[:TEXT_MOST] if isinstance(text, str) else ""
    return _post(read)[:TEXT_MOST] if kind == "post" else ""


def _post(read: dict[str, Any]) -> str:
    rows = read.get("content")
    lines = [read.get("title")]
    for row in rows if isinstance(rows, list) else ():
        parts = [_part(part) for part in row] if isinstance(row, list) else []
        lines.append("".join(parts))
    return "\n".join(line for line in lines if isinstance(line, str) and line)


def _part(part: object) -> str:
    """Return what a part of a post says; a mention is its placeholder."""
    if not isinstance(part, dict):
        return ""
    said = part.get("user_id") if part.get("tag") == "at" else part.get("text")
    return said if isinstance(said, str) else ""
