"""The doctor finds each thing that is broken, names its cure, and changes nothing."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from receiver.channels.feishu.seal import decrypt
from receiver.doctor import Verdict
from receiver.doctor.reach import encrypted
from receiver.sandbox.server import serve_app
from tests.app.process import run
from tests.doctor.ward import Ward, ward
from tests.stage import NOWHERE, PRODUCTION, SECRETS, TOKEN

Break = Callable[[Ward], None]
WRONG = "wrong"


@pytest.fixture
async def well(tmp_path: Path) -> AsyncIterator[Ward]:
    async with ward(tmp_path) as made:
        yield made


async def test_nothing_is_wrong_where_all_is_well(well: Ward) -> None:
    found = await well.findings()
    assert [str(finding) for finding in found if finding.verdict is Verdict.FAIL] == []
    said = "\n".join(map(str, found))
    for expected in (
        "config                 ",
        "store                  ",
        "operators_target       ",
        "app_id and app_secret are right; the bot is called 告警助手",
        "this machine's clock is right",
        "it may send messages",
        "it may edit messages",
        "it may read chats",
        "the bot is in 生产告警 / on-call",
        "all 1 who are mentioned are in the chat",
        "feishu ops:oc_platform_team the bot is in 平台组; no route shows anything",
        "knows the app's keys",
        "the address is right, and the signature is not refused",
        "its API answers, version 0.33.1",
        "its alerts can be read",
        "its silences can be read",
        "its alert groups can be read",
    ):
        assert expected in said, said


async def test_a_long_connection_is_asked_for_and_not_made(well: Ward) -> None:
    well.feishu["callbacks"] = "long_connection"
    said = "\n".join(map(str, await well.findings()))
    assert "the long connection is offered" in said
    assert "FAIL" not in said
    well.desk.fault("ws_endpoint", "code", code=403, http=200)
    assert "publish a version of it" in "\n".join(await well.failures())


async def test_a_prometheus_is_asked(well: Ward) -> None:
    async def answer(_: Request) -> Response:
        row = b'{"metric":{},"values":[[1,"1"]]}'
        return Response(b'{"data":{"result":[%s]}}' % row)

    app = Starlette(routes=[Route("/api/v1/query_range", answer, methods=["POST"])])
    async with serve_app(app, closing=lambda: None) as url:
        well.config["alertmanagers"][0]["prometheus"] = {"url": url}
        found = "\n".join(map(str, await well.findings()))
        assert "prometheus of prod     it answers queries" in found
        well.config["alertmanagers"][0]["prometheus"]["url"] = f"{url}/wrong"
        assert "it cannot be asked (HTTP 404)" in "\n".join(await well.failures())


ESCALATIONS = [
    {"name": "loud", "steps": [{"after": "5m", "via": "app"}, {"after": "9m", "via": "phone"}]}
]


async def test_urgent_permissions_are_looked_at_where_escalations_use_them(well: Ward) -> None:
    well.config["escalations"] = ESCALATIONS
    well.config["routes"][0]["escalation"] = "loud"
    found = "\n".join(map(str, await well.findings()))
    assert "it may send urgent notices (app)" in found
    assert "it may send urgent notices (phone)" in found
    assert "(sms)" not in found
    _scopes("im:message", "im:chat", "im:message.urgent")(well)
    well.chat.urgent = False
    said = "\n".join(await well.failures())
    assert "it may not send urgent notices (phone): it needs one of im:message.urgent:phone" in said
    assert "the bot may not send urgent messages here" in said
    assert well.desk.tenant.messages == {}


async def test_looking_changes_nothing(well: Ward) -> None:
    await well.findings()
    assert well.desk.tenant.messages == {}
    assert await well.receiver.store.incidents(0, 10) == []


async def test_only_send_posts_a_test_message(well: Ward) -> None:
    found = await well.findings(send=True)
    (message,) = well.desk.tenant.messages.values()
    assert "a test message" in message.content["text"]
    assert any("a test message was accepted" in finding.said for finding in found)


def _scopes(*kept: str) -> Break:
    def spoil(well: Ward) -> None:
        well.app.scopes = frozenset(kept)

    return spoil


def _app(**changed: object) -> Break:
    return lambda well: well.feishu.update(changed)


def _route(**changed: object) -> Break:
    return lambda well: well.config["routes"][0].update(changed)


def _server(**changed: object) -> Break:
    return lambda well: well.config["server"].update(changed)


def _source(**changed: object) -> Break:
    return lambda well: well.config["alertmanagers"][0].update(changed)


def _chat(**changed: object) -> Break:
    def spoil(well: Ward) -> None:
        for name, value in changed.items():
            setattr(well.chat, name, value)

    return spoil


def _no_store(well: Ward) -> None:
    path = well.folder / "other.db"
    path.write_bytes(b"no database at all" * 1000)
    well.config["store"]["url"] = f"sqlite:///{path}"


BROKEN: dict[str, tuple[Break, str]] = {
    "secret": (_app(app_secret=WRONG), "check app_secret"),
    "app id": (_app(app_id="cli_other"), "check app_id"),
    "platform": (_app(base_url=NOWHERE), "not reached"),
    "disabled": (lambda well: setattr(well.app, "enabled", False), "app is disabled"),
    "scope to send": (
        _scopes("im:chat", "contact:user.id:readonly"),
        "it may not send messages: it needs one of im:message, im:message:send, im:message",
    ),
    "scope to edit": (_scopes("im:chat", "im:message:send"), "it may not edit messages"),
    "scope to read chats": (
        _scopes("im:message"),
        "it may not read chats: it needs one of im:chat",
    ),
    "bot outside": (
        lambda well: well.desk.remove_bot(PRODUCTION, well.app.app_id),
        "the bot is not in this chat: add it in the chat's settings",
    ),
    "no such chat": (_route(targets=["ops:oc_nowhere"]), "ops:oc_nowhere"),
    "dissolved": (_chat(dissolved=True), "the chat is dissolved"),
    "silent": (_chat(muted=True), "not everybody may speak in this chat"),
    "all": (_chat(at_all=False), "the bot may not mention everybody"),
    "stranger": (_route(mention=["ou_nobody"]), "mentioned, but not in the chat: ou_nobody"),
    "mail": (_route(mention=["nobody@example.com"]), "nobody is found for nobody@example.com"),
    "scope to find people": (
        lambda well: (
            _scopes("im:message", "im:chat")(well),
            _route(mention=["li@example.com"])(well),
        )[0],
        "it may not find people by e-mail",
    ),
    "callback": (_server(external_url=NOWHERE), "is not reached from here"),
    "callback's key": (_app(encrypt_key=WRONG), "refuses what is signed with these keys"),
    "callback's token": (_app(verification_token=WRONG), "refuses what is signed"),
    "group bot's secret": (
        lambda well: well.config["feishu"][1].update(secret=WRONG),
        "check the group bot's secret and this host's clock",
    ),
    "group bot's address": (
        lambda well: well.config["feishu"][1].update(
            webhook_url=well.config["feishu"][1]["webhook_url"] + "0"
        ),
        "the webhook is gone",
    ),
    "peer": (_source(urls=[NOWHERE]), "its status cannot be asked for"),
    "store": (_no_store, "store                  "),
    "configuration": (_route(targets=["nobody:oc_1"]), "name an entry of feishu"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_broken_is_found_with_its_cure(well: Ward, name: str) -> None:
    spoil, expected = BROKEN[name]
    spoil(well)
    said = "\n".join(await well.failures())
    assert expected in said, said
    assert not any(secret in said for secret in (*SECRETS, TOKEN))


async def test_a_clock_that_is_wrong_is_told_by_how_much(well: Ward) -> None:
    real = well.world.now
    well.world = replace(well.world, now=lambda: real() + 600_000)
    said = "\n".join(await well.failures())
    assert "s ahead of the platform's: set it by NTP" in said


@pytest.mark.parametrize(
    "named",
    [
        {"policy": [{"who": ["nobody@example.com"], "may": ["all"]}]},
        {
            "oncall": [
                {
                    "name": "db",
                    "rotation": {
                        "zone": "UTC",
                        "start": "2026-01-05",
                        "every": "7d",
                        "people": ["li@example.com", "nobody@example.com"],
                    },
                }
            ]
        },
        {
            "escalations": [
                {
                    "name": "db",
                    "steps": [{"after": "5m", "via": "mention", "whom": ["nobody@example.com"]}],
                }
            ]
        },
    ],
)
async def test_who_is_named_by_mail_elsewhere_is_looked_up(
    well: Ward, named: dict[str, object]
) -> None:
    well.config |= named
    (told,) = await well.failures()
    assert "nobody is found for nobody@example.com" in told
    _scopes("im:message", "im:chat")(well)
    assert "it may not find people by e-mail" in "\n".join(await well.failures())


async def test_a_list_that_is_asked_elsewhere_may_name_people_by_mail(well: Ward) -> None:
    (well.folder / "duty.ics").write_text("BEGIN:VCALENDAR\nEND:VCALENDAR\n")
    well.config["oncall"] = [{"name": "db", "ical": {"file": "duty.ics"}}]
    _scopes("im:message", "im:chat")(well)
    assert "it may not find people by e-mail" in "\n".join(await well.failures())


async def test_who_is_mentioned_by_mail_is_looked_up_and_looked_for_in_the_chat(well: Ward) -> None:
    well.config["routes"][0]["mention"] = ["li@example.com", "ou_han"]
    assert await well.failures() == []
    well.chat.members.remove("ou_li")
    assert "not in the chat: li@example.com" in "\n".join(await well.failures())


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, b"", "is refused (HTTP 401): check basic_auth"),
        (404, b"", "HTTP 404: check urls"),
        (200, b"<html>", "something else than an Alertmanager answers"),
    ],
)
async def test_a_peer_that_answers_something_else(
    well: Ward, status: int, body: bytes, expected: str
) -> None:
    async def answer(_: Request) -> Response:
        return Response(body, status)

    app = Starlette(routes=[Route("/{path:path}", answer)])
    async with serve_app(app, closing=lambda: None) as url:
        well.config["alertmanagers"][0]["urls"] = [url]
        assert expected in "\n".join(await well.failures())


async def test_something_else_behind_the_public_address(well: Ward) -> None:
    async def answer(_: Request) -> Response:
        return Response(b'{"challenge": "another"}')

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])
    async with serve_app(app, closing=lambda: None) as url:
        well.config["server"]["external_url"] = url
        assert "without our challenge" in "\n".join(await well.failures())


async def test_what_a_platform_says_cannot_move_the_cursor(well: Ward) -> None:
    well.chat.name = "a\x1b[2Jb\nFAIL     c"
    assert all("\x1b" not in str(one) and "\n" not in str(one) for one in await well.findings())


async def test_the_exit_code_says_whether_something_is_to_be_fixed(well: Ward) -> None:
    good = await run("doctor", "--config", well.written())
    assert good.code == 0, good.out + good.err
    assert all(line.startswith(("OK ", "UNKNOWN ")) for line in good.out.splitlines())
    well.feishu["app_secret"] = WRONG
    bad = await run("doctor", "--config", well.written())
    assert bad.code == 1
    assert "FAIL     feishu ops" in bad.out


def test_a_challenge_is_encrypted_as_the_platform_does() -> None:
    assert decrypt("key", encrypted("key", b"plain", b"0123456789abcdef")) == b"plain"
