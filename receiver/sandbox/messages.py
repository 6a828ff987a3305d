"""Messages: send, reply, update, recall, read.

https://open.feishu.cn/document/server-docs/im-v1/message/create and its siblings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from receiver.sandbox import markup
from receiver.sandbox.content import Audience, Content, card_refused, read_content
from receiver.sandbox.errors import Refused, explained
from receiver.sandbox.gateway import Ask
from receiver.sandbox.limits import CHAT_RULES, MESSAGE_RULES
from receiver.sandbox.state import App, Chat, Message, Tenant, User
from receiver.sandbox.walk import DOWNGRADE, LIMIT, BadCard

# https://open.feishu.cn/document/server-docs/im-v1/message-card/patch: 14 days
EDITABLE_MS = 14 * 24 * 3_600_000
# The administrator's recall window; a day is the platform's default.
RECALL_MS = 24 * 3_600_000
MAX_UUID = 50

_NOT_EXISTED: Mapping[str, int] = {
    "open_id": 99992351,
    "user_id": 99992360,
    "union_id": 99992363,
    "email": 230034,
}


@dataclass(frozen=True, slots=True)
class _Sending:
    msg_type: str
    content: str
    uuid: str


def _sending(document: dict[str, Any]) -> _Sending:
    uuid = document.get("uuid") or ""
    msg_type, content = document.get("msg_type"), document.get("content")
    if not isinstance(msg_type, str) or not isinstance(content, str):
        raise Refused(99992402, "field validation failed: msg_type and content are strings")
    if not isinstance(uuid, str) or len(uuid) > MAX_UUID:
        raise Refused(99992402, f"field validation failed: uuid has at most {MAX_UUID} characters")
    return _Sending(msg_type, content, uuid)


def create(ask: Ask) -> dict[str, Any]:
    """Answer `POST /open-apis/im/v1/messages`."""
    document = ask.document()
    sending = _sending(document)
    chat = _receiver(ask, document.get("receive_id"))
    ask.chat_id = chat.chat_id
    _may_speak(ask, chat)
    return _deliver(ask, chat, sending)


def reply(ask: Ask) -> dict[str, Any]:
    """Answer `POST /open-apis/im/v1/messages/{message_id}/reply`."""
    document = ask.document()
    sending = _sending(document)
    parent = find_message(ask)
    chat = ask.tenant.chats[parent.chat_id]
    _may_speak(ask, chat)
    if document.get("reply_in_thread") and not parent.thread_id:
        if not chat.threads:
            raise Refused(230071)
        parent.thread_id = ask.tenant.ids.mint("omt_")
    return _deliver(ask, chat, sending, parent)


def _receiver(ask: Ask, who: object) -> Chat:
    kind = ask.query.get("receive_id_type", "")
    if kind not in ("chat_id", *_NOT_EXISTED):
        raise Refused(99992402, "field validation failed: receive_id_type is required")
    if not isinstance(who, str) or not who:
        raise Refused(99992402, "field validation failed: receive_id is required")
    if kind == "chat_id":
        chat = ask.tenant.chats.get(who)
        if chat is None:
            raise Refused(99992356 if who.startswith("oc_") else 230034)
        return chat
    return ask.tenant.p2p(ask.caller, _person(ask, kind, who))


def _person(ask: Ask, kind: str, who: str) -> User:
    if kind == "open_id":
        owner = ask.tenant.owner_of(who)
        if owner and owner[0] != ask.caller.app_id:
            raise Refused(99992361)
    user = ask.tenant.find_user(who)
    if user is None:
        raise Refused(_NOT_EXISTED[kind])
    if user.resigned:
        raise Refused(230029)
    return user


def _may_speak(ask: Ask, chat: Chat) -> None:
    present(ask, chat)
    if chat.muted:
        raise Refused(230018)
    counted(ask.tenant, ("chat", chat.chat_id), ask.now)


def counted(tenant: Tenant, scope: tuple[str, ...], now: int) -> None:
    """Count a message in the window that all bots of a chat share; raises Refused 230020."""
    count_refused = tenant.knobs.refused_calls_count
    if tenant.limits.admit(scope, CHAT_RULES, now, count_refused=count_refused):
        raise Refused(230020)


def present(ask: Ask, chat: Chat) -> None:
    """Refuse a chat that is dissolved, or that the caller is not in."""
    if chat.dissolved:
        raise Refused(232009)
    if ask.caller.app_id not in chat.apps:
        raise Refused(230002)


def _deliver(
    ask: Ask, chat: Chat, sending: _Sending, parent: Message | None = None
) -> dict[str, Any]:
    tenant, app = ask.tenant, ask.caller
    if sending.uuid:
        earlier = tenant.remembered(app.app_id, sending.uuid)
        if earlier and tenant.knobs.uuid_duplicate == "230049":
            raise Refused(230049)
        if earlier:
            return _envelope(tenant, app, earlier)
    content = read_content(sending.msg_type, sending.content, Audience(tenant, chat, app))
    message = Message(
        message_id=tenant.ids.mint("om_"),
        chat_id=chat.chat_id,
        sender_id=app.app_id,
        sender_name=app.name,
        sender_kind="app",
        msg_type=sending.msg_type,
        content=content.document,
        create_time=ask.now,
        update_time=ask.now,
        mentions=content.mentions,
    )
    if parent:
        place_under(message, parent)
    tenant.post(message)
    if sending.uuid:
        tenant.remember(app.app_id, sending.uuid, message)
    return _envelope(tenant, app, message)


def place_under(message: Message, parent: Message) -> None:
    """Make `message` a reply to `parent`; inside a thread everything replies to its root."""
    message.root_id = parent.root_id or parent.message_id
    message.thread_id = parent.thread_id
    message.parent_id = message.root_id if parent.thread_id else parent.message_id


def find_message(ask: Ask) -> Message:
    """Return the message that the path names; raises Refused where it is gone."""
    message = ask.tenant.messages.get(ask.path["message_id"])
    if message is None:
        raise Refused(99992354)
    ask.chat_id = message.chat_id
    if message.gone:
        raise Refused(230011 if message.gone == "recalled" else 230110)
    return message


def patch(ask: Ask) -> dict[str, Any]:
    """Answer `PATCH /open-apis/im/v1/messages/{message_id}`: a new card in an old message."""
    text = ask.document().get("content")
    if not isinstance(text, str):
        raise Refused(99992402, "field validation failed: content is a string")
    message = find_message(ask)
    chat = ask.tenant.chats[message.chat_id]
    _editable(ask, chat, message)
    content = read_content("interactive", text, Audience(ask.tenant, chat, ask.caller))
    _replaceable(message, content)
    replace_card(ask.tenant, message, content)
    return {"code": 0, "data": {}, "msg": "ok"}


def _editable(ask: Ask, chat: Chat, message: Message) -> None:
    present(ask, chat)
    if message.sender_kind != "app" or message.sender_id != ask.caller.app_id:
        raise Refused(230027)
    if message.msg_type != "interactive":
        raise explained(230001, "This message is NOT a card.")
    if ask.now - message.create_time > EDITABLE_MS:
        raise Refused(230031)
    count_refused = ask.tenant.knobs.refused_calls_count
    scope = ("message", message.message_id)
    if ask.tenant.limits.admit(scope, MESSAGE_RULES, ask.now, count_refused=count_refused):
        raise explained(230020, "Update the single messages too frequently")
    if message.clicks:
        raise card_refused(BadCard(LIMIT, "card action is lock"))


def _replaceable(message: Message, content: Content) -> None:
    if is_second(message) and content.schema != "2.0":
        raise card_refused(BadCard(DOWNGRADE, "cards of schema V2 cannot be updated to V1"))
    config = message.content.get("config")
    shared = isinstance(config, dict) and config.get("update_multi") is True
    if not (shared and content.update_multi):
        raise explained(230001, "config.update_multi must be true in the old and the new card")


def is_second(message: Message) -> bool:
    """Tell whether a message shows a card of JSON 2.0."""
    return message.content.get("schema") == "2.0"


def replace_card(tenant: Tenant, message: Message, content: Content) -> None:
    """Put a new card into a message. An update notifies nobody, whatever it mentions."""
    message.content = content.document
    message.updates += 1
    message.update_time = tenant.clock.now()
    tenant.tell(message)


def recall(ask: Ask) -> dict[str, Any]:
    """Answer `DELETE /open-apis/im/v1/messages/{message_id}`."""
    message = find_message(ask)
    if message.sender_kind != "app" or message.sender_id != ask.caller.app_id:
        raise Refused(230026)
    if ask.now - message.create_time > RECALL_MS:
        raise Refused(230009)
    take_away(ask.tenant, message, "recalled")
    return {"code": 0, "msg": "success", "data": {}}


def take_away(tenant: Tenant, message: Message, how: str) -> None:
    """Recall or delete a message: `how` is `recalled` or `deleted`."""
    message.gone = how
    message.update_time = tenant.clock.now()
    tenant.tell(message)


def get(ask: Ask) -> dict[str, Any]:
    """Answer `GET /open-apis/im/v1/messages/{message_id}`."""
    message = ask.tenant.messages.get(ask.path["message_id"])
    if message is None:
        raise Refused(99992354)
    ask.chat_id = message.chat_id
    present(ask, ask.tenant.chats[message.chat_id])
    item = message_data(ask.tenant, ask.caller, message)
    if message.msg_type == "interactive":
        whole = ask.query.get("card_msg_content_type") == "user_card_content"
        content = message.content if whole else _degraded(message.content)
        item["body"] = {"content": msgspec.json.encode(content).decode()}
    return {"code": 0, "msg": "success", "data": {"items": [item]}}


def _degraded(card: dict[str, Any]) -> dict[str, Any]:
    header = card.get("header")
    title = header.get("title", {}).get("content", "") if isinstance(header, dict) else ""
    body = card.get("body", card)
    texts = [
        {"tag": "text", "text": str(item.get("content", item.get("text", "")))}
        for item in body.get("elements", [])
        if isinstance(item, dict) and item.get("tag") in ("markdown", "div")
    ]
    return {"title": title, "elements": [[text] for text in texts]}


def _envelope(tenant: Tenant, app: App, message: Message) -> dict[str, Any]:
    return {"code": 0, "msg": "success", "data": message_data(tenant, app, message)}


def message_data(tenant: Tenant, app: App, message: Message) -> dict[str, Any]:
    """Draw a message as the IM API does, with the ids that this app knows."""
    content, mentions = placeholders(tenant, app.app_id, message)
    data: dict[str, Any] = {
        "message_id": message.message_id,
        "msg_type": message.msg_type,
        "create_time": str(message.create_time),
        "update_time": str(message.update_time),
        "deleted": bool(message.gone),
        "updated": message.updates > 0,
        "chat_id": message.chat_id,
        "sender": {
            "id": message.sender_id,
            "id_type": "open_id" if message.sender_kind == "user" else "app_id",
            "sender_type": "user" if message.sender_kind == "user" else "app",
            "tenant_key": tenant.key,
        },
        "body": {"content": msgspec.json.encode(content).decode()},
    }
    if mentions:
        data["mentions"] = mentions
    for name in ("root_id", "parent_id", "thread_id"):
        if value := getattr(message, name):
            data[name] = value
    return data


def placeholders(
    tenant: Tenant, app_id: str, message: Message
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a text's content with `@_user_1` for each mention, and the list of mentions."""
    text = message.content.get("text")
    if message.msg_type != "text" or not isinstance(text, str):
        return message.content, []
    found: list[dict[str, Any]] = []
    for tag, who, _ in list(markup.text_mentions(text)):
        named = _named(tenant, app_id, who)
        if named:
            key = f"@_user_{len(found) + 1}"
            text = text.replace(tag, key, 1)
            found.append({"key": key, **named, "id_type": "open_id", "tenant_key": tenant.key})
        elif who == markup.ALL:
            text = text.replace(tag, "@_all", 1)
    return {**message.content, "text": text}, found


def _named(tenant: Tenant, app_id: str, who: str) -> dict[str, str] | None:
    if user := tenant.find_user(who):
        return {"id": tenant.open_id(app_id, user), "name": user.name}
    bot = next((app for app in tenant.apps.values() if app.bot_open_id == who), None)
    return {"id": bot.bot_open_id, "name": bot.name} if bot else None
