"""The people whom a configuration names: does the app find them, and are they in the chat."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

import msgspec

from receiver.channels.base import split_target
from receiver.channels.feishu.api import Api
from receiver.channels.feishu.content import UNREADABLE
from receiver.channels.feishu.people import BATCH, ENDPOINT, PATH
from receiver.config import Config, FeishuAppConfig
from receiver.doctor.finding import Finding, fail, ok, unknown
from receiver.doctor.kit import Kit
from receiver.domain.outcome import Delivered

# https://open.feishu.cn/document/server-docs/group/chat-member/get
_MEMBERS = ("GET", "/open-apis/im/v1/chats/:chat_id/members")
PAGE = 100
PAGES_MOST = 20
_VISIBLE = (
    "check the address, that it is the one on their profile, and that the app is available to them"
)


class _User(msgspec.Struct):
    user_id: str = ""
    email: str = ""


class _Users(msgspec.Struct):
    user_list: list[_User] = []


class _UsersBody(msgspec.Struct):
    data: _Users


class _Member(msgspec.Struct):
    member_id: str = ""


class _Members(msgspec.Struct):
    items: list[_Member] = []
    page_token: str = ""
    has_more: bool = False


class _MembersBody(msgspec.Struct):
    data: _Members


def mentions_of(config: Config, app: str) -> dict[str, tuple[str, ...]]:
    """Return whom the routes mention in each chat of an app."""
    found: dict[str, dict[str, None]] = {}
    for route in config.routes:
        people = [who for who in route.mention if who.startswith("ou_") or "@" in who]
        for name, chat in map(split_target, route.every_target):
            if name == app and people:
                found.setdefault(chat, {}).update(dict.fromkeys(people))
    return {chat: tuple(people) for chat, people in found.items()}


def addresses_of(config: Config) -> tuple[str, ...]:
    """Return the e-mail addresses that the policy, on-call lists and escalations name."""
    named = [who for rule in config.policy for who in rule.who]
    named += [who for each in config.escalations for step in each.steps for who in step.whom]
    for rotation in (each.rotation for each in config.oncall):
        if rotation is not None:
            named += [*rotation.people, *(each.person for each in rotation.overrides)]
    return tuple(dict.fromkeys(who for who in named if "@" in who))


def looks_people_up(config: Config, app: str) -> bool:
    """Whether an app must find people by e-mail; calendars and endpoints may name anybody so."""
    by_mail = any("@" in who for people in mentions_of(config, app).values() for who in people)
    elsewhere = any(each.rotation is None for each in config.oncall)
    return by_mail or elsewhere or bool(addresses_of(config))


async def examine_people(kit: Kit, api: Api, app: FeishuAppConfig) -> list[Finding]:
    """Check everybody whom a route mentions by this app, or who is named elsewhere."""
    by_chat = mentions_of(kit.config, app.name)
    mentioned = [who for people in by_chat.values() for who in people]
    everybody = tuple(dict.fromkeys([*mentioned, *addresses_of(kit.config)]))
    if not everybody:
        return []
    where = f"feishu {app.name}"
    known = await _known(api, [who for who in everybody if "@" in who])
    if isinstance(known, str):
        return [unknown(where, f"who is named could not be looked up: {known}")]
    found = [
        fail(where, f"nobody is found for {who}", _VISIBLE)
        for who in everybody
        if "@" in who and who.lower() not in known
    ]
    for chat, people in by_chat.items():
        found += await _present(api, f"feishu {app.name}:{chat}", chat, people, known)
    return found


async def _known(api: Api, mails: Sequence[str]) -> dict[str, str] | str:
    """Return the open_ids by e-mail address, or why they could not be asked for."""
    known: dict[str, str] = {}
    for start in range(0, len(mails), BATCH):
        body: dict[str, object] = {"emails": mails[start : start + BATCH]}
        result = await api.call(ENDPOINT, PATH, query={"user_id_type": "open_id"}, body=body)
        if not isinstance(result.outcome, Delivered):
            return result.outcome.detail
        try:
            users = msgspec.json.decode(result.body, type=_UsersBody).data.user_list
        except UNREADABLE:
            return "the answer cannot be read"
        known |= {user.email.lower(): user.user_id for user in users if user.user_id}
    return known


async def _present(
    api: Api, where: str, chat: str, people: Sequence[str], known: Mapping[str, str]
) -> list[Finding]:
    """Check that who is mentioned is there: nobody else is notified."""
    members = await _members(api, chat)
    if members is None:
        return [unknown(where, "the members of the chat cannot be read")]
    ids = {who: known.get(who.lower(), "") if "@" in who else who for who in people}
    absent = [who for who, open_id in ids.items() if open_id and open_id not in members]
    if absent:
        cure = "add them to the chat, or take them out of the route's mention"
        return [fail(where, f"mentioned, but not in the chat: {', '.join(absent)}", cure)]
    present = sum(bool(open_id) for open_id in ids.values())
    return [ok(where, f"all {present} who are mentioned are in the chat")] if present else []


async def _members(api: Api, chat: str) -> set[str] | None:
    """Return who is in a chat; None where that is not to be had, or is too much to read."""
    found: set[str] = set()
    path = f"/open-apis/im/v1/chats/{quote(chat, safe='')}/members"
    token = ""
    for _ in range(PAGES_MOST):
        query: dict[str, str | int] = {"member_id_type": "open_id", "page_size": PAGE}
        result = await api.call(
            _MEMBERS, path, query=query | ({"page_token": token} if token else {})
        )
        if not isinstance(result.outcome, Delivered):
            return None
        try:
            page = msgspec.json.decode(result.body, type=_MembersBody).data
        except UNREADABLE:
            return None
        found |= {member.member_id for member in page.items}
        token = page.page_token
        if not page.has_more or not token:
            return found
    return None
