"""The group bot: a webhook into one chat, judged in a fixed order.

https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

import msgspec

from receiver.sandbox.content import Audience, Content, card_content, post_tags, text_mentions
from receiver.sandbox.errors import Refused
from receiver.sandbox.gateway import Ask
from receiver.sandbox.limits import HOOK_RULES
from receiver.sandbox.markup import Mention
from receiver.sandbox.messages import counted
from receiver.sandbox.state import Hook, Message
from receiver.sandbox.walk import BadCard

MAX_KB = 20
SIGNED_FOR_S = 3_600
TYPES = frozenset({"text", "post", "image", "share_chat", "interactive"})


def sign(timestamp: str, secret: str) -> str:
    """Return the signature that a hook with this secret wants: the string is the *key*."""
    key = f"{timestamp}\n{secret}".encode()
    return base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()


@dataclass(slots=True)
class _Post:
    ask: Ask
    hook: Hook | None
    document: dict[str, Any] = field(default_factory=dict)
    content: Content | None = None

    @property
    def bot(self) -> Hook:
        if self.hook is None:
            raise Refused(19001)
        return self.hook


def receive(ask: Ask) -> dict[str, Any]:
    """Answer `POST /open-apis/bot/v2/hook/{token}`."""
    post = _Post(ask, ask.tenant.hooks.get(ask.path["token"]))
    if post.hook:
        ask.chat_id = post.hook.chat_id
    for name in ask.tenant.knobs.hook_order:
        _CHECKS[name](post)
    _store(post)
    answer: dict[str, Any] = {"StatusCode": 0, "StatusMessage": "success"}
    if ask.tenant.knobs.hook_legacy_extra:
        answer = {"Extra": None, **answer}
    return {**answer, "code": 0, "data": {}, "msg": "success"}


def _parse(post: _Post) -> None:
    try:
        document = msgspec.json.decode(post.ask.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        document = None
    if not isinstance(document, dict):
        raise Refused(9499, "Bad Request", http=post.ask.tenant.knobs.hook_http_9499)
    post.document = document


def _token(post: _Post) -> None:
    if post.ask.tenant.chats[post.bot.chat_id].dissolved:
        raise Refused(19001)


def _size(post: _Post) -> None:
    knobs = post.ask.tenant.knobs
    if len(post.ask.body) <= MAX_KB * knobs.kilobyte:
        return
    if knobs.hook_size_code == 9499:  # noqa: PLR2004 - the code speaks for itself
        raise Refused(9499, "Bad Request", http=knobs.hook_http_9499)
    raise Refused(19036, http=knobs.hook_http_19036)


def _ip(post: _Post) -> None:
    rules = post.bot.ips
    if rules and not any(_allows(rule, post.ask.peer) for rule in rules):
        raise Refused(19022, http=post.ask.tenant.knobs.hook_http_19022)


def _allows(rule: str, peer: str) -> bool:
    if rule.endswith(".*"):
        return peer.startswith(rule[:-1])
    try:
        return ip_address(peer) in ip_network(rule, strict=False)
    except ValueError:
        return False


def _signed(post: _Post) -> None:
    secret = post.bot.secret
    if not secret:
        return
    timestamp, given = str(post.document.get("timestamp", "")), str(post.document.get("sign", ""))
    fresh = timestamp.isdecimal() and abs(post.ask.now // 1000 - int(timestamp)) <= SIGNED_FOR_S
    if not fresh or not hmac.compare_digest(sign(timestamp, secret), given):
        raise Refused(19021, http=post.ask.tenant.knobs.hook_http_19021)


def _rate(post: _Post) -> None:
    tenant, now = post.ask.tenant, post.ask.now
    count_refused = tenant.knobs.refused_calls_count
    scope = ("hook", post.bot.token)
    if tenant.limits.admit(scope, HOOK_RULES, now, count_refused=count_refused):
        raise Refused(11232)
    if tenant.knobs.hook_counts_in_chat:
        try:
            counted(tenant, ("chat", post.bot.chat_id), now)
        except Refused:
            raise Refused(11233) from None


def _msg_type(post: _Post) -> None:
    kind = post.document.get("msg_type")
    if kind not in TYPES:
        raise Refused(19002)
    if kind == "interactive":
        return
    if not isinstance(post.document.get("content"), dict):
        raise Refused(19002, "params error, content need")
    post.content = _PLAIN[str(kind)](post, post.document["content"])


def _keyword(post: _Post) -> None:
    words = post.bot.keywords
    said = " ".join(_said(post.document.get("content", post.document.get("card"))))
    if words and not any(word in said for word in words):
        raise Refused(19024)


def _said(part: object) -> list[str]:
    if isinstance(part, dict):
        return [
            text
            for key, value in part.items()
            for text in ([value] if _speaks(key, value) else _said(value))
        ]
    if isinstance(part, list):
        return [text for item in part for text in _said(item)]
    return []


def _speaks(key: str, value: object) -> bool:
    return key in ("text", "title", "content") and isinstance(value, str)


def _card(post: _Post) -> None:
    if post.document.get("msg_type") != "interactive":
        return
    card = post.document.get("card")
    if not isinstance(card, dict):
        raise Refused(19002, "params error, unknown card value")
    try:
        post.content = card_content(card, _audience(post))
    except BadCard as bad:
        raise Refused(11246, bad.ext) from None


def _audience(post: _Post) -> Audience:
    return Audience(post.ask.tenant, post.ask.tenant.chats[post.bot.chat_id])


def _text(post: _Post, content: dict[str, Any]) -> Content:
    text = content.get("text")
    if not isinstance(text, str) or not text:
        raise Refused(19002, "params error, text is nil")
    return Content(content, _notified(post, [text]))


def _notified(post: _Post, texts: list[str], more: list[Mention] | None = None) -> Any:
    audience = _audience(post)
    try:
        return audience.notified([*text_mentions(texts, audience), *(more or [])])
    except Refused:
        raise Refused(19002, "params error, no permission to at all") from None


def _rich(post: _Post, content: dict[str, Any]) -> Content:
    languages = content.get("post")
    if not isinstance(languages, dict) or not languages:
        raise Refused(19002, "params error, post need")
    try:
        tags = [tag for language in languages.values() for tag in post_tags(language)]
    except Refused:
        raise Refused(19002, "params error, post is invalid") from None
    if any(tag.get("tag") not in ("text", "a", "at", "img") for tag in tags):
        raise Refused(19002, "params error, unsupported tag")
    if any(not _legal(tag.get("href")) for tag in tags if tag["tag"] == "a"):
        raise Refused(19002, "params error, href is invalid")
    at = [Mention("id", str(tag.get("user_id", ""))) for tag in tags if tag["tag"] == "at"]
    return Content(content, _notified(post, [], at))


def _legal(href: object) -> bool:
    return isinstance(href, str) and href.startswith(("http://", "https://", "lark://"))


def _picture(_: _Post, content: dict[str, Any]) -> Content:
    if not content.get("image_key"):
        raise Refused(19002, "params error, image_key need")
    return Content(content)


def _share(post: _Post, content: dict[str, Any]) -> Content:
    if content.get("share_chat_id") != post.bot.chat_id:
        raise Refused(19002, "params error, share_chat_id is not this chat")
    return Content(content)


_PLAIN: Mapping[str, Callable[[_Post, dict[str, Any]], Content]] = {
    "text": _text,
    "post": _rich,
    "image": _picture,
    "share_chat": _share,
}
_CHECKS: Mapping[str, Callable[[_Post], None]] = {
    "parse": _parse,
    "token": _token,
    "size": _size,
    "ip": _ip,
    "sign": _signed,
    "rate": _rate,
    "msg_type": _msg_type,
    "keyword": _keyword,
    "card": _card,
}


def _store(post: _Post) -> None:
    tenant, hook, content = post.ask.tenant, post.bot, post.content
    if content is None:
        raise Refused(19002)
    tenant.post(
        Message(
            message_id=tenant.ids.mint("om_"),
            chat_id=hook.chat_id,
            sender_id=hook.token,
            sender_name=hook.name,
            sender_kind="hook",
            msg_type=str(post.document["msg_type"]),
            content=content.document,
            create_time=post.ask.now,
            update_time=post.ask.now,
            mentions=content.mentions,
        )
    )
