"""A group bot: a signed webhook that can say things, and nothing else.

https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
"""

import base64
import hashlib
import hmac
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from receiver.channels.base import Channel, Limit, View
from receiver.channels.feishu.api import check_address
from receiver.channels.feishu.attempt import Ports, attempt
from receiver.channels.feishu.card import render_bot, render_reply
from receiver.channels.feishu.content import CARD, POST, Content, read_content
from receiver.channels.feishu.http import Request
from receiver.domain.card import (
    Call,
    Rung,
)
from receiver.domain.outcome import Outcome, Rejected, RejectReason

KIND = "feishu_bot"
TEMPLATE = "/open-apis/bot/v2/hook/:token"
PER_SECOND = 5
PER_MINUTE = 100
# Everybody's reports are sent at whole and half hours, and refused then (11232).
RUSH_EVERY = 30 * 60_000
SPREAD_OVER = 30_000
# Neighbouring numbers come out far apart.
_SCATTER = 2_654_435_761


def sign(timestamp: int, secret: str) -> str:
    """Return the signature of a message; ``timestamp`` is Unix seconds."""
    key = f"{timestamp}\n{secret}".encode()
    return base64.b64encode(hmac.digest(key, b"", "sha256")).decode()


class FeishuBot(Channel):
    """One group bot; its URL is its secret. Nothing stops a repeated message from appearing twice.

    ``keyword`` is the bot's configured one, which every message must carry to be accepted.

    Raises:
        BadAddress: at construction, when the URL is no http or https URL.

    """

    def __init__(
        self, name: str, webhook_url: str, secret: str, ports: Ports, *, keyword: str = ""
    ) -> None:
        check_address(name, "webhook_url", webhook_url)
        self._keyword = keyword
        self._name = name
        self._url = webhook_url
        self._secret = secret
        self._ports = ports
        # Two names for one URL share its limits; a digest keeps the URL out of the store.
        self._key = "bot:" + hashlib.sha256(webhook_url.encode()).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"FeishuBot({self._name!r})"

    @property
    def name(self) -> str:
        """The configured name, as in ``targets``."""
        return self._name

    @property
    def kind(self) -> str:
        """The kind of channel, as in metrics."""
        return KIND

    def limits(self, call: Call, address: str, message_id: str) -> tuple[Limit, ...]:  # noqa: ARG002
        """Return the bot's two windows."""
        return (
            Limit(self._key, PER_SECOND, 1_000, "bot_second"),
            Limit(self._key, PER_MINUTE, 60_000, "bot_minute"),
        )

    def spread(self, card: int, now: int) -> int:
        """Return how many ms a lesser card waits: each its own part of the rush."""
        place = card * _SCATTER % (1 << 32) * SPREAD_OVER >> 32
        return max(place - now % RUSH_EVERY, 0)

    async def people(self, mention: Sequence[str]) -> tuple[str, ...]:
        """Return the open_ids among the mentions, and ``all``: a group bot can look up nobody."""
        known = tuple(who for who in mention if who == "all" or who.startswith("ou_"))
        for entry in sorted(set(mention) - set(known)):
            self._ports.log.warning("mention dropped: a group bot needs open_ids", mention=entry)
        return tuple(dict.fromkeys(known))

    def render(self, view: View, rung: Rung) -> str:
        """Return the content to send, as text that can be stored and sent again unchanged."""
        return with_keyword(render_bot(view, rung), self._keyword)

    def render_reply(self, view: View) -> str:
        """Return a short message of its own, since nothing here can be answered to."""
        return with_keyword(render_reply(view), self._keyword)

    async def send(self, address: str, content: str, uuid: str) -> Outcome:  # noqa: ARG002
        """Send a message to the bot's only group; it has no id, and the platform no memory."""
        drawn = read_content(content)
        if drawn is None:
            return Rejected(RejectReason.REQUEST, "the content is no drawn message: report this")
        request = Request(
            method="POST",
            url=self._url,
            template=TEMPLATE,
            shown_url=self._shown_url(),
            channel=self._name,
            body=msgspec.json.encode({**self._signed(), **_message(drawn)}),
        )
        return (await attempt(self._ports, request, Call.POST)).outcome

    async def close(self) -> None:
        """Do nothing: a group bot has no life of its own."""

    def _signed(self) -> dict[str, str]:
        """Sign anew for each send: a signature ends after an hour."""
        if not self._secret:
            return {}
        timestamp = self._ports.now() // 1_000
        return {"timestamp": str(timestamp), "sign": sign(timestamp, self._secret)}

    def _shown_url(self) -> str:
        parts = urlsplit(self._url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}/open-apis/bot/v2/hook/***"


def with_keyword(content: str, keyword: str) -> str:
    """Return a drawn message that says the keyword, which it may say already."""
    if not keyword:
        return content
    message = msgspec.json.decode(content)
    drawn = message["content"]
    if any(keyword in text for text in _said(drawn)):
        return content
    if message["msg_type"] == CARD:
        note = {"tag": "plain_text", "content": keyword, "text_size": "notation"}
        drawn["body"]["elements"].append({"tag": "div", "text": note})
    elif message["msg_type"] == POST:
        for said in drawn.values():
            said["content"].append([{"tag": "text", "text": keyword}])
    else:
        drawn["text"] = f"{drawn['text']}\n{keyword}"
    return msgspec.json.encode(message).decode()


def _said(drawn: Any) -> Iterator[str]:
    """Yield what a message says: the platform looks for keywords in texts, not in addresses."""
    if isinstance(drawn, list):
        for item in drawn:
            yield from _said(item)
    elif isinstance(drawn, dict):
        for key, value in drawn.items():
            if isinstance(value, str) and key in ("content", "text"):
                yield value
            else:
                yield from _said(value)


def _message(drawn: Content) -> dict[str, object]:
    """Return a message as webhooks take it: a card under its own key, a post one level deeper."""
    if drawn.msg_type == CARD:
        return {"msg_type": CARD, "card": drawn.content}
    content = {"post": drawn.content} if drawn.msg_type == POST else drawn.content
    return {"msg_type": drawn.msg_type, "content": content}
