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
from receiver.doctor.urgency import urgent_targets
from receiver.domain.outcome import Delivered

# https://open.feishu.cn/document/server-docs/group/chat/get-2
_CHAT = ("GET", "/open-apis/im/v1/chats/:chat_id")
_INSIDE = ("GET", "/open-apis/im/v1/chats/:chat_id/members/is_in_chat")
# https://open.feishu.cn/document/server-docs/group/chat/list
_LIST = ("GET", "/open-apis/im/v1/chats")
_ALL = "all_members"
OTHERS_MOST = 50


class _Chat(msgspec.Struct):
    name: str = ""
    chat_mode: str = ""
    chat_status: str = "normal"
    at_all_permission: str = ""
    moderation_permission: str = ""
    urgent_setting: str = ""


class _ChatBody(msgspec.Struct):
    data: _Chat


class _Listed(msgspec.Struct):
    chat_id: str = ""
    name: str = ""


class _List(msgspec.Struct):
    items: list[_Listed] = []


class _ListBody(msgspec.Struct):
    data: _List


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
    found = [finding for chat in chats for finding in await _chat(kit, api, app.name, chat)]
    if not chats:
        found.append(unknown(f"feishu {app.name}", "no route shows anything by this app"))
    return [*found, *await _others(api, app.name, chats)]


async def _others(api: Api, app: str, named: tuple[str, ...]) -> list[Finding]:
    """Name the chats that the bot is in and no route: their ids are wanted for the routes."""
    result = await api.call(_LIST, _LIST[1], query={"page_size": OTHERS_MOST})
    if not isinstance(result.outcome, Delivered):
        return []  # the permission was looked at before
    try:
        listed = msgspec.json.decode(result.body, type=_ListBody).data.items
    except UNREADABLE:
        return [unknown(f"feishu {app}", "the chats of the bot cannot be read")]
    return [
        ok(f"feishu {app}:{chat.chat_id}", f"the bot is in {chat.name}; no route shows anything")
        for chat in listed
        if chat.chat_id and chat.chat_id not in named
    ]


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
    if target in urgent_targets(config) and chat.urgent_setting not in ("", _ALL):
        cure = "allow everybody to send urgent messages, in the chat's settings"
        yield fail(where, "the bot may not send urgent messages here", cure)
    if _calls_all(config, target) and chat.at_all_permission not in ("", _ALL):
        cure = "allow it in the chat's settings, or take all out of the route's mention"
        yield fail(where, "the bot may not mention everybody", cure)


def _calls_all(config: Config, target: str) -> bool:
    return any(
        EVERYONE in route.mention and target in (*route.every_target, route.fallback)
        for route in config.routes
    )
