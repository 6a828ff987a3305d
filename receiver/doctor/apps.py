"""An app bot: its token, its bot, its permissions, its clock."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from receiver.channels.feishu.api import Api
from receiver.channels.feishu.attempt import Result
from receiver.channels.feishu.content import UNREADABLE
from receiver.config import FeishuAppConfig
from receiver.doctor.chats import examine_chats
from receiver.doctor.finding import Finding, fail, ok, unknown
from receiver.doctor.kit import Kit
from receiver.doctor.people import examine_people, looks_people_up
from receiver.doctor.reach import examine_callback
from receiver.doctor.urgency import NOTICES, urgent_of
from receiver.domain.outcome import Delivered, Rejected

# Signatures of both directions are an hour's, and cards show times: a minute is far too much.
SKEW_MOST = 60.0  # seconds
NO_SCOPE = "99991672"
_PUBLISH = "grant it on the app's page under Permissions, and publish a version"
# https://open.feishu.cn/document/client-docs/bot-v3/obtain-bot-info
_BOT = ("GET", "/open-apis/bot/v3/info")
_IN_USE = 2


class Probe(NamedTuple):
    """A call that needs a permission and, since it names nothing that exists, does nothing."""

    what: str
    endpoint: tuple[str, str]
    path: str
    query: dict[str, str | int] = {}  # noqa: RUF012  (never mutated)
    body: dict[str, object] | None = None


_MESSAGES = "/open-apis/im/v1/messages"
_NO_MESSAGE = f"{_MESSAGES}/om_doctor"
PROBES = (
    Probe(
        "send messages",
        ("POST", _MESSAGES),
        _MESSAGES,
        {"receive_id_type": "chat_id"},
        {"receive_id": "oc_doctor", "msg_type": "text", "content": "{}"},
    ),
    Probe(
        "edit messages",
        ("PATCH", f"{_MESSAGES}/:message_id"),
        _NO_MESSAGE,
        body={"content": "{}"},
    ),
    Probe("read chats", ("GET", "/open-apis/im/v1/chats"), "/open-apis/im/v1/chats"),
    Probe(
        "find people by e-mail",
        ("POST", "/open-apis/contact/v3/users/batch_get_id"),
        "/open-apis/contact/v3/users/batch_get_id",
        {"user_id_type": "open_id"},
        {"emails": ["doctor@example.com"]},
    ),
)


# An empty list of people calls nobody, and the message does not exist.
URGENT = {
    via: Probe(
        f"send urgent notices ({via})",
        ("PATCH", f"{_MESSAGES}/:message_id/urgent_{via}"),
        f"{_NO_MESSAGE}/urgent_{via}",
        {"user_id_type": "open_id"},
        {"user_id_list": []},
    )
    for via in NOTICES
}


class _Bot(msgspec.Struct):
    app_name: str = ""
    activate_status: int | None = None


class _Info(msgspec.Struct):
    bot: _Bot


async def examine_app(kit: Kit, app: FeishuAppConfig) -> list[Finding]:
    """Check an app and all that is configured to be done with it."""
    where = f"feishu {app.name}"
    api = kit.api(app)
    try:
        found = [await _bot(api, where)]
        if "no access token" in found[0].said:
            return found
        found += [_clock(kit, app, where)]
        found += [await _permission(api, where, probe) for probe in _wanted(kit, app)]
        found += await examine_chats(kit, api, app)
        found += await examine_people(kit, api, app)
        found += await examine_callback(kit, app)
        return found
    finally:
        await api.close()


async def _bot(api: Api, where: str) -> Finding:
    result = await api.call(_BOT, _BOT[1])
    if not isinstance(result.outcome, Delivered):
        return fail(where, result.outcome.detail)
    try:
        bot = msgspec.json.decode(result.body, type=_Info).bot
    except UNREADABLE:
        return unknown(where, "the bot's description cannot be read")
    if bot.activate_status not in (None, _IN_USE):
        cure = "publish a version of the app, and have an administrator approve it"
        return fail(where, f"the bot is not in use (status {bot.activate_status})", cure)
    return ok(where, f"app_id and app_secret are right; the bot is called {bot.app_name}")


def _clock(kit: Kit, app: FeishuAppConfig, where: str) -> Finding:
    ahead = kit.skews.get(app.name)
    if ahead is None:
        return unknown(where, "the platform's answers have no Date, so the clock is not compared")
    if abs(ahead) > SKEW_MOST:
        way = "ahead of" if ahead > 0 else "behind"
        said = f"this machine's clock is {abs(ahead):.0f} s {way} the platform's"
        return fail(where, said, "set it by NTP")
    return ok(where, "this machine's clock is right")


def _wanted(kit: Kit, app: FeishuAppConfig) -> Iterator[Probe]:
    by_mail = looks_people_up(kit.config, app.name)
    yield from (probe for probe in PROBES if by_mail or "e-mail" not in probe.what)
    yield from (URGENT[via] for via in urgent_of(kit.config, app.name))


async def _permission(api: Api, where: str, probe: Probe) -> Finding:
    result = await api.call(probe.endpoint, probe.path, query=probe.query, body=probe.body)
    missing = missing_scopes(result)
    if missing:
        return fail(where, f"it may not {probe.what}", f"{missing}; {_PUBLISH}")
    if isinstance(result.outcome, Delivered | Rejected):
        return ok(where, f"it may {probe.what}")
    said = f"whether it may {probe.what} could not be asked: {result.outcome.detail}"
    return unknown(where, said)


def missing_scopes(result: Result) -> str:
    """Return what the platform says is needed; empty where nothing is missing."""
    outcome = result.outcome
    if not isinstance(outcome, Rejected) or NO_SCOPE not in outcome.detail:
        return ""
    _, _, named = outcome.detail.partition("required: ")
    scopes = named.partition("]")[0].strip("[ ")
    return f"it needs one of {scopes}" if scopes else "it needs a permission"
