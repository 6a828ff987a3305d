"""The chats that the configuration names: is the bot in them, and what may it do there."""

from collections.abc import Iterator
from urllib.parse import quote

import msgspec

from receiver.assembly import targets_of
from receiver.channels.base import split_target
from receiver.channels.feishu.api import Api
from receiver.channels.feishu.content import UNREADABLE
from receiver.channels.feishu.people import EVERYONE
from receiver.config import Config, FeishuAppConfig
from receiver.doctor.finding import Finding, fail, ok, unknown
from receiver.doctor.kit import Kit
from receiver.domain.outcome import Delivered

# https://open.feishu.cn/document/server-docs/group/chat/get-2
_CHAT = ("GET", "/open-apis/im/v1/chats/:chat_id")
_INSIDE = ("GET", "/open-apis/im/v1/chats/:chat_id/members/is_in_chat")
_ALL = "all_members"


class _Chat(msgspec.Struct):
    name: str = ""
    chat_mode: str = ""
    chat_status: str = "normal"
    at_all_permission: str = ""
    moderation_permission: str = ""


class _ChatBody(msgspec.Struct):
    data: _Chat


class _Inside(msgspec.Struct):
    is_in_chat: bool = False


class _InsideBody(msgspec.Struct):
    data: _Inside


def chats_of(config: Config, app: str) -> tuple[str, ...]:
    """Return every chat that the configuration shows something in by this app."""
    named = (*targets_of(config), config.operators_target)
    split = [split_target(target) for target in named if target]
    return tuple(dict.fromkeys(chat for name, chat in split if name == app and chat))


async def examine_chats(kit: Kit, api: Api, app: FeishuAppConfig) -> list[Finding]:
    """Check each configured chat of an app."""
    chats = chats_of(kit.config, app.name)
    if not chats:
        return [unknown(f"feishu {app.name}", "no route shows anything by this app")]
    return [finding for chat in chats for finding in await _chat(kit, api, app.name, chat)]


async def _chat(kit: Kit, api: Api, app: str, chat: str) -> list[Finding]:
    where = f"feishu {app}:{chat}"
    path = f"/open-apis/im/v1/chats/{quote(chat, safe='')}"
    result = await api.call(_INSIDE, f"{path}/members/is_in_chat")
    if not isinstance(result.outcome, Delivered):
        return [fail(where, result.outcome.detail)]
    try:
        inside = msgspec.json.decode(result.body, type=_InsideBody).data.is_in_chat
    except UNREADABLE:
        return [unknown(where, "whether the bot is in the chat cannot be read")]
    if not inside:
        cure = "add it in the chat's settings under Bots"
        return [fail(where, "the bot is not in this chat", cure)]
    result = await api.call(_CHAT, path)
    if not isinstance(result.outcome, Delivered):
        return [fail(where, result.outcome.detail)]
    try:
        told = msgspec.json.decode(result.body, type=_ChatBody).data
    except UNREADABLE:
        return [unknown(where, "the chat's settings cannot be read")]
    return list(_settings(kit.config, where, f"{app}:{chat}", told))


def _settings(config: Config, where: str, target: str, chat: _Chat) -> Iterator[Finding]:
    if chat.chat_status != "normal":
        yield fail(where, f"the chat is {chat.chat_status}", "name another chat in the routes")
        return
    kind = "" if chat.chat_mode in ("", "group") else f", a {chat.chat_mode} chat"
    yield ok(where, f"the bot is in {chat.name or 'the chat'}{kind}")
    if chat.moderation_permission not in ("", _ALL):
        cure = "let everybody speak, or name the bot, in the chat's settings under Permissions"
        yield fail(where, "not everybody may speak in this chat, perhaps not the bot", cure)
    if _calls_all(config, target) and chat.at_all_permission not in ("", _ALL):
        cure = "allow it in the chat's settings, or take all out of the route's mention"
        yield fail(where, "the bot may not mention everybody", cure)


def _calls_all(config: Config, target: str) -> bool:
    return any(
        EVERYONE in route.mention and target in (*route.every_target, route.fallback)
        for route in config.routes
    )
