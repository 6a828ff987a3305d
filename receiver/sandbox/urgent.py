"""Urgent notices: people are buzzed about a message in the app, by SMS or by phone.

https://open.feishu.cn/document/server-docs/im-v1/buzz-messages/urgent_app
"""

from collections.abc import Callable
from typing import Any

from receiver.sandbox.errors import Refused, explained
from receiver.sandbox.gateway import Ask
from receiver.sandbox.messages import find_message, present
from receiver.sandbox.state import Buzz, Chat, Message, User

PEOPLE_MOST = 200
UNREAD_MOST = 200


def urgent(kind: str) -> Callable[[Ask], dict[str, Any]]:
    """Return what answers `PATCH /open-apis/im/v1/messages/{message_id}/urgent_{kind}`."""

    def answer(ask: Ask) -> dict[str, Any]:
        asked = _asked(ask)
        message = find_message(ask)
        chat = ask.tenant.chats[message.chat_id]
        _may_buzz(ask, chat, message)
        people = [_person(ask, chat, who) for who in asked]
        found = [user for user in people if user is not None]
        if not found:
            raise explained(230001, "none of the user ids is valid")
        if any(ask.tenant.unread_buzzes(user) >= UNREAD_MOST for user in found):
            raise Refused(230023)
        _spend(ask, kind, len(found))
        message.buzzes.append(Buzz(kind=kind, at=ask.now, people=tuple(u.name for u in found)))
        for user in found:
            ask.tenant.buzzed(user)
        ask.tenant.tell(message)
        missed = [who for who, user in zip(asked, people, strict=True) if user is None]
        return {"code": 0, "msg": "success", "data": {"invalid_user_id_list": missed}}

    return answer


def _asked(ask: Ask) -> list[str]:
    ids = ask.document().get("user_id_list")
    if not isinstance(ids, list) or not all(isinstance(who, str) for who in ids):
        raise Refused(99992402, "field validation failed: user_id_list is a list of strings")
    if not 0 < len(ids) <= PEOPLE_MOST:
        raise Refused(99992402, f"field validation failed: user_id_list has 1 to {PEOPLE_MOST}")
    if ask.query.get("user_id_type", "open_id") not in ("open_id", "user_id", "union_id"):
        raise Refused(99992402, "field validation failed: user_id_type")
    return ids


def _may_buzz(ask: Ask, chat: Chat, message: Message) -> None:
    present(ask, chat)
    if message.sender_kind != "app" or message.sender_id != ask.caller.app_id:
        raise Refused(230012)
    if chat.external:
        raise Refused(230027)
    if not chat.urgent:
        raise Refused(230052)
    if message.folded:
        raise Refused(230098)


def _person(ask: Ask, chat: Chat, who: str) -> User | None:
    """Return the person of an id as this app knows it, who is in the chat."""
    tenant = ask.tenant
    if ask.query.get("user_id_type", "open_id") == "open_id":
        owner = tenant.owner_of(who)
        user = owner[1] if owner and owner[0] == ask.caller.app_id else None
    else:
        user = tenant.find_user(who)
    return user if user is not None and user.open_id in chat.members else None


def _spend(ask: Ask, kind: str, people: int) -> None:
    """Count a paid notice against the tenant's quota of its kind."""
    limits = {
        "sms": ask.tenant.knobs.urgent_sms_quota,
        "phone": ask.tenant.knobs.urgent_phone_quota,
    }
    most = limits.get(kind)
    used = ask.tenant.urgent_used.get(kind, 0)
    if most is not None and used + people > most:
        raise Refused(230024)
    ask.tenant.urgent_used[kind] = used + people
