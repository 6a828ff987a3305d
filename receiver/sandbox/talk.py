"""What people say in a chat, and the event that tells the apps of it.

https://open.feishu.cn/document/server-docs/im-v1/message/events/receive
"""

from typing import Any

import msgspec

from receiver.sandbox.messages import place_under, placeholders
from receiver.sandbox.state import App, Chat, Message, Tenant, User


def say(tenant: Tenant, chat: Chat, user: User, text: str, parent: Message | None) -> Message:
    """Put a person's text into a chat, as a reply to `parent` if there is one."""
    now = tenant.clock.now()
    message = Message(
        message_id=tenant.ids.mint("om_"),
        chat_id=chat.chat_id,
        sender_id=user.open_id,
        sender_name=user.name,
        sender_kind="user",
        msg_type="text",
        content={"text": text},
        create_time=now,
        update_time=now,
    )
    if parent:
        place_under(message, parent)
    tenant.post(message)
    return message


def received(tenant: Tenant, app: App, chat: Chat, message: Message) -> dict[str, Any]:
    """Return the `event` of `im.message.receive_v1` as this app gets it."""
    user = tenant.users[message.sender_id]
    content, found = placeholders(tenant, app.app_id, message)
    mentions = [_mentioned(tenant, app, mention) for mention in found]
    told: dict[str, Any] = {
        "message_id": message.message_id,
        "create_time": str(message.create_time),
        "update_time": str(message.update_time),
        "chat_id": chat.chat_id,
        "chat_type": "p2p" if chat.kind == "p2p" else "group",
        "message_type": message.msg_type,
        "content": msgspec.json.encode(content).decode(),
        "user_agent": "Mozilla/5.0 Lark/7.20",
    }
    if mentions:
        told["mentions"] = mentions
    for name in ("root_id", "parent_id", "thread_id"):
        if value := getattr(message, name):
            told[name] = value
    sender = {
        "sender_id": _ids(tenant, app, user),
        "sender_type": "user",
        "tenant_key": tenant.key,
    }
    return {"sender": sender, "message": told}


def _mentioned(tenant: Tenant, app: App, mention: dict[str, Any]) -> dict[str, Any]:
    user = tenant.find_user(mention["id"])
    return {
        "key": mention["key"],
        "id": _ids(tenant, app, user) if user else {"open_id": mention["id"]},
        "mentioned_type": "user" if user else "bot",
        "name": mention["name"],
        "tenant_key": tenant.key,
    }


def _ids(tenant: Tenant, app: App, user: User) -> dict[str, str]:
    return {
        "union_id": user.union_id,
        "user_id": user.user_id,
        "open_id": tenant.open_id(app.app_id, user),
    }
