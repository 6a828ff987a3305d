"""People, chats and the bot itself.

https://open.feishu.cn/document/server-docs/contact-v3/user/batch_get_id and
https://open.feishu.cn/document/server-docs/group/chat/list
"""

from collections.abc import Sequence
from typing import Any

from receiver.sandbox.errors import Refused
from receiver.sandbox.gateway import Ask
from receiver.sandbox.state import Chat, User

MAX_ADDRESSES = 50
MAX_PAGE = 100


def batch_get_id(ask: Ask) -> dict[str, Any]:
    """Answer `POST /open-apis/contact/v3/users/batch_get_id`."""
    document = ask.document()
    emails, mobiles = document.get("emails") or [], document.get("mobiles") or []
    for given in (emails, mobiles):
        if not isinstance(given, list) or len(given) > MAX_ADDRESSES:
            raise Refused(99992402, f"field validation failed: at most {MAX_ADDRESSES} addresses")
    resigned = document.get("include_resigned") is True
    people = list(ask.tenant.users.values())
    found = [
        _match(ask, kind, address, people if resigned else [u for u in people if not u.resigned])
        for kind, given in (("email", emails), ("mobile", mobiles))
        for address in given
    ]
    return {"code": 0, "msg": "success", "data": {"user_list": found}}


def _match(ask: Ask, kind: str, address: object, people: Sequence[User]) -> dict[str, Any]:
    item: dict[str, Any] = {kind: address}
    for user in people:
        if address and getattr(user, kind) == address:
            item["user_id"] = _user_id(ask, user, ask.query.get("user_id_type", "open_id"))
            item["status"] = {
                "is_frozen": False,
                "is_resigned": user.resigned,
                "is_activated": True,
                "is_exited": False,
                "is_unjoin": False,
            }
    return item


def _user_id(ask: Ask, user: User, kind: str) -> str:
    if kind == "union_id":
        return user.union_id
    if kind == "user_id":
        return user.user_id
    return ask.tenant.open_id(ask.caller.app_id, user)


def _page(ask: Ask, items: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
    size, token = ask.query.get("page_size", "20"), ask.query.get("page_token") or "0"
    if not size.isdecimal() or not 1 <= int(size) <= MAX_PAGE or not token.isdecimal():
        raise Refused(232001)
    start, end = int(token), int(token) + int(size)
    more = end < len(items)
    return list(items[start:end]), {"has_more": more, "page_token": str(end) if more else ""}


def chats(ask: Ask) -> dict[str, Any]:
    """Answer `GET /open-apis/im/v1/chats`: the groups that the bot is in."""
    mine = [
        chat
        for chat in ask.tenant.chats.values()
        if chat.kind == "group" and ask.caller.app_id in chat.apps
    ]
    shown, page = _page(ask, mine)
    items = [
        {
            "chat_id": chat.chat_id,
            "avatar": "",
            "name": chat.name,
            "description": "",
            "owner_id": "",
            "owner_id_type": "open_id",
            "external": False,
            "tenant_key": ask.tenant.key,
            "chat_status": "dissolved" if chat.dissolved else "normal",
        }
        for chat in shown
    ]
    return {"code": 0, "msg": "success", "data": {"items": items, **page}}


def _chat(ask: Ask) -> Chat:
    chat = ask.tenant.chats.get(ask.path["chat_id"])
    if chat is None:
        raise Refused(232006)
    ask.chat_id = chat.chat_id
    return chat


def chat_get(ask: Ask) -> dict[str, Any]:
    """Answer `GET /open-apis/im/v1/chats/{chat_id}`."""
    chat = _chat(ask)
    data = {
        "name": chat.name,
        "description": "",
        "chat_mode": chat.kind,
        "chat_type": "private",
        "external": False,
        "owner_id": "",
        "user_count": str(len(chat.members)),
        "bot_count": str(len(chat.apps)),
        "at_all_permission": "all_members" if chat.at_all else "only_owner",
        "urgent_setting": "all_members" if chat.urgent else "only_owner",
        "moderation_permission": "moderator_list" if chat.muted else "all_members",
        "group_message_type": "chat",
        "chat_status": "dissolved" if chat.dissolved else "normal",
        "tenant_key": ask.tenant.key,
    }
    return {"code": 0, "msg": "success", "data": data}


def members(ask: Ask) -> dict[str, Any]:
    """Answer `GET /open-apis/im/v1/chats/{chat_id}/members`: people only, never bots."""
    chat = _chat(ask)
    if chat.dissolved:
        raise Refused(232009)
    if ask.caller.app_id not in chat.apps:
        raise Refused(232011)
    kind = ask.query.get("member_id_type", "open_id")
    people = [ask.tenant.users[who] for who in chat.members if who in ask.tenant.users]
    shown, page = _page(ask, people)
    items = [
        {
            "member_id_type": kind,
            "member_id": _user_id(ask, user, kind),
            "name": user.name,
            "tenant_key": ask.tenant.key,
        }
        for user in shown
    ]
    data = {"items": items, **page, "member_total": len(people)}
    return {"code": 0, "msg": "success", "data": data}


def is_in_chat(ask: Ask) -> dict[str, Any]:
    """Answer `GET /open-apis/im/v1/chats/{chat_id}/members/is_in_chat`."""
    inside = ask.caller.app_id in _chat(ask).apps
    return {"code": 0, "msg": "success", "data": {"is_in_chat": inside}}


def bot_info(ask: Ask) -> dict[str, Any]:
    """Answer `GET /open-apis/bot/v3/info`; the bot stands beside `code`, not in `data`."""
    app = ask.caller
    bot = {
        "activate_status": 2,
        "app_name": app.name,
        "avatar_url": "",
        "ip_white_list": [],
        "open_id": app.bot_open_id,
    }
    return {"code": 0, "msg": "ok", "bot": bot}
