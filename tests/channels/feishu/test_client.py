"""The app bot against the sandbox: what it sends, what it makes of answers, what it never says."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from receiver.channels.base import Channel, Edits, Limit, Metered, Quota, Spreads
from receiver.channels.feishu.api import BadAddress
from receiver.channels.feishu.client import FeishuApp
from receiver.channels.feishu.http import Timeouts
from receiver.domain.card import Call
from receiver.domain.outcome import (
    Delivered,
    Outcome,
    Rejected,
    RejectReason,
    Retry,
    RetryReason,
)
from receiver.sandbox.knobs import FaultKind
from receiver.telemetry import attributes
from tests.channels.feishu.parts import CHAT, START, Scene, scene

UUID = "5f7c0a1e-0000-5000-8000-000000000001"


def card(text: str = "disk full") -> str:
    content = {
        "schema": "2.0",
        "config": {"update_multi": True},
        "body": {"elements": [{"tag": "markdown", "content": text}]},
    }
    return json.dumps({"msg_type": "interactive", "content": content}, ensure_ascii=False)


def plain(text: str = "look") -> str:
    return json.dumps({"msg_type": "text", "content": {"text": text}})


@asynccontextmanager
async def stage(timeouts: Timeouts | None = None) -> AsyncIterator[tuple[Scene, FeishuApp]]:
    async with scene(timeouts=timeouts) as here:
        app = FeishuApp(here.account, here.parts.ports, here.parts.observe_token)
        try:
            yield here, app
        finally:
            await app.close()


async def sent(app: FeishuApp, content: str = card()) -> str:
    outcome = await app.send(CHAT, content, UUID)
    assert isinstance(outcome, Delivered)
    return outcome.receipt


def retried(outcome: Outcome) -> RetryReason:
    assert isinstance(outcome, Retry)
    return outcome.reason


def rejected(outcome: Outcome) -> RejectReason:
    assert isinstance(outcome, Rejected)
    return outcome.reason


def shown(scene: Scene) -> list[str]:
    """Return the cards' and the replies' words, oldest first."""
    return [
        message.content.get("text") or message.content["body"]["elements"][0]["content"]
        for message in scene.sandbox.state.messages(CHAT)
    ]


def only(spans: tuple[ReadableSpan, ...], name: str) -> ReadableSpan:
    found = [span for span in spans if span.name == name]
    assert len(found) == 1
    return found[0]


async def test_a_card_is_sent_changed_and_answered_to() -> None:
    async with stage() as (here, app):
        message_id = await sent(app)
        assert shown(here) == ["disk full"]
        assert Delivered() == await app.patch(message_id, card("disk fine"))
        reply = await app.reply(message_id, plain('<at user_id="ou_li">Li</at> look'), "r-1")
        assert isinstance(reply, Delivered)
        first, second = here.sandbox.state.messages(CHAT)
        assert (message_id, reply.receipt) == (first.message_id, second.message_id)
        assert message_id == second.parent_id
        assert shown(here)[0] == "disk fine"


async def test_content_arrives_byte_for_byte() -> None:
    async with stage() as (here, app):
        text = '磁盘 \\ " 🚨 \u202e </at> &#60; ' + "é" * 100
        await sent(app, card(text))
        assert [text] == shown(here)


async def test_the_same_uuid_makes_one_message() -> None:
    async with stage() as (here, app):
        assert await sent(app) == await sent(app)
        assert len(shown(here)) == 1


async def test_an_answer_that_is_lost_is_ambiguous_and_harmless() -> None:
    async with stage() as (here, app):
        here.sandbox.state.fault("create", "reset", after=True)
        reason = retried(await app.send(CHAT, card(), UUID))
        assert RetryReason.CONNECTION_LOST is reason
        assert reason.ambiguous
        await sent(app)
        assert len(shown(here)) == 1


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("hang", RetryReason.TIMEOUT),
        ("reset", RetryReason.CONNECTION_LOST),
        ("html", RetryReason.SERVER_ERROR),
        ("json", RetryReason.SERVER_ERROR),
        ("too_many", RetryReason.RATE_LIMITED),
    ],
)
async def test_trouble_is_named(kind: str, reason: RetryReason) -> None:
    async with stage(Timeouts(total=1.0)) as (here, app):
        message_id = await sent(app)
        for api in ("create", "patch", "reply"):
            here.sandbox.state.fault(api, kind)
        outcomes = await asyncio.gather(
            app.send(CHAT, card(), "another"),
            app.patch(message_id, card()),
            app.reply(message_id, plain(), "another"),
        )
        assert [reason] * 3 == [retried(outcome) for outcome in outcomes]


def test_every_kind_of_fault_is_tried() -> None:
    tried = {"hang", "reset", "html", "json", "too_many", "code", "latency"}
    assert tried == set(FaultKind)


async def test_a_rate_limit_says_when_to_come_back() -> None:
    async with stage() as (here, app):
        here.sandbox.state.fault("create", "code", code=99991400, ms=7_000)
        outcome = await app.send(CHAT, card(), UUID)
        assert Retry(RetryReason.RATE_LIMITED, 7_000, outcome_detail(outcome)) == outcome


def outcome_detail(outcome: Outcome) -> str:
    assert not isinstance(outcome, Delivered)
    return outcome.detail


async def test_the_chats_limit_is_the_platforms() -> None:
    async with stage() as (_here, app):
        outcomes = [await app.send(CHAT, card(), f"u-{number}") for number in range(6)]
        assert sum(isinstance(outcome, Delivered) for outcome in outcomes) == 5
        assert RetryReason.RATE_LIMITED is retried(outcomes[-1])


async def test_the_messages_limit_is_the_platforms() -> None:
    async with stage() as (_here, app):
        message_id = await sent(app)
        outcomes = [await app.patch(message_id, card(f"{number}")) for number in range(6)]
        assert RetryReason.RATE_LIMITED is retried(outcomes[-1])


async def test_a_message_that_is_gone_or_old_is_named_so() -> None:
    async with stage() as (here, app):
        message_id = await sent(app)
        here.clock.advance(14 * 24 * 3_600_000 + 1)
        assert RejectReason.TOO_OLD is rejected(await app.patch(message_id, card()))
        for how in ("recalled", "deleted"):
            here.sandbox.state.recall(message_id, how)
            assert RejectReason.GONE is rejected(await app.patch(message_id, card()))
            assert RejectReason.GONE is rejected(await app.reply(message_id, plain(), "r"))
        assert RejectReason.GONE is rejected(await app.patch("om_nothing", card()))


async def test_a_chat_without_the_bot_is_an_operators_matter() -> None:
    async with stage() as (here, app):
        here.sandbox.state.remove_bot(CHAT, here.account.app_id)
        assert RejectReason.TARGET is rejected(await app.send(CHAT, card(), UUID))
        assert RejectReason.TARGET is rejected(await app.send("oc_nowhere", card(), UUID))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<at id=ou_nobody></at>", RejectReason.MENTION),
        ("x" * 31_000, RejectReason.TOO_LARGE),
    ],
)
async def test_a_refused_card_says_what_a_plainer_one_must_lack(
    text: str, reason: RejectReason
) -> None:
    async with stage() as (_here, app):
        assert reason is rejected(await app.send(CHAT, card(text), UUID))


@pytest.mark.parametrize("sub_code", [100290, 200621, 11310])
async def test_a_forbidden_mention_of_all_is_a_mention(sub_code: int) -> None:
    async with stage() as (here, app):
        here.sandbox.state.turn(at_all_sub_code=sub_code)
        here.sandbox.state.chats[CHAT].at_all = False
        outcome = await app.send(CHAT, card("<at id=all></at>"), UUID)
        assert RejectReason.MENTION is rejected(outcome)


async def test_a_card_that_the_platform_does_not_know_is_refused() -> None:
    async with stage() as (_here, app):
        content = {"schema": "2.0", "body": {"elements": [{"tag": "note"}]}}
        drawn = json.dumps({"msg_type": "interactive", "content": content})
        assert RejectReason.CONTENT is rejected(await app.send(CHAT, drawn, UUID))


@pytest.mark.parametrize(
    "junk", ["", "[]", "{}", '{"msg_type":"interactive","content":"text"}', "\ud800", "[" * 9_999]
)
async def test_what_was_not_drawn_is_not_sent(junk: str) -> None:
    async with stage() as (here, app):
        for outcome in (
            await app.send(CHAT, junk, UUID),
            await app.patch("om_1", junk),
            await app.reply("om_1", junk, UUID),
        ):
            assert RejectReason.REQUEST is rejected(outcome)
        assert here.sandbox.state.calls == []


async def test_only_a_card_is_patched() -> None:
    async with stage() as (here, app):
        assert RejectReason.REQUEST is rejected(await app.patch("om_1", plain()))
        assert here.sandbox.state.calls == []


async def test_an_id_cannot_leave_its_place_in_the_path() -> None:
    async with stage() as (here, app):
        message_id = await sent(app)
        for odd in (f"x/../{message_id}", f"{message_id}?a=b", f"{message_id}#"):
            assert isinstance(await app.patch(odd, card("changed")), Rejected)
        assert shown(here) == ["disk full"]


async def test_mentions_and_names_are_known() -> None:
    async with stage() as (_here, app):
        assert await app.people(["li@example.com", "all"]) == ("ou_li", "all")
        assert app.known_name("ou_han") == ""
        assert await app.name_of("ou_han", CHAT) == "韩梅梅"
        assert app.known_name("ou_han") == "韩梅梅"


async def test_prefetching_learns_names_in_the_background() -> None:
    async with stage() as (here, app):
        app.prefetch(CHAT)
        await here.sandbox.state.until(lambda: here.calls("members"))
        assert await app.name_of("ou_li", CHAT) == "李雷"
        assert here.calls("members") == 1


async def test_closing_ends_what_hangs() -> None:
    async with stage() as (here, app):
        here.sandbox.state.fault("members", "hang")
        app.prefetch(CHAT)
        await app.close()
        assert app.known_name("ou_li") == ""


async def test_an_attempt_is_one_span_with_the_platforms_words() -> None:
    async with stage() as (here, app):
        message_id = await sent(app)
        here.sandbox.state.recall(message_id)
        await app.patch(message_id, card())
        spans = here.parts.spans()
        create = only(spans, "POST /open-apis/im/v1/messages")
        found = dict(create.attributes or {})
        assert SpanKind.CLIENT is create.kind
        assert StatusCode.UNSET is create.status.status_code
        assert found.pop(attributes.FEISHU_LOG_ID)
        assert {
            "http.request.method": "POST",
            "url.template": "/open-apis/im/v1/messages",
            "url.full": f"{here.account.base_url}/open-apis/im/v1/messages?receive_id_type=chat_id",
            "server.address": "127.0.0.1",
            "http.response.status_code": 200,
            attributes.FEISHU_CODE: 0,
        } == found
        patch = only(spans, "PATCH /open-apis/im/v1/messages/:message_id")
        found = dict(patch.attributes or {})
        assert StatusCode.ERROR is patch.status.status_code
        assert (
            found["http.response.status_code"],
            found[attributes.FEISHU_CODE],
            found["error.type"],
        ) == (400, 230011, "230011")


async def test_a_failed_connection_is_named_on_its_span() -> None:
    async with stage(Timeouts(total=1.0)) as (here, app):
        await sent(app)
        here.sandbox.state.fault("patch", "hang")
        await app.patch("om_1", card())
        found = dict(
            only(here.parts.spans(), "PATCH /open-apis/im/v1/messages/:message_id").attributes or {}
        )
        assert found["error.type"] == "TimeoutError"
        assert "http.response.status_code" not in found


async def test_a_failure_is_logged_with_the_platforms_log_id() -> None:
    async with stage() as (here, app):
        await app.send("oc_nowhere", card(), UUID)
        lines = [json.loads(line) for line in here.parts.log.splitlines()]
        line = next(line for line in lines if line["event"] == "feishu call failed")
        assert (line["code"], line["status"], line["reason"]) == (99992356, 400, "target")
        assert line["log_id"]
        assert line["trace_id"]


async def test_no_secret_is_ever_said() -> None:
    async with stage(Timeouts(total=1.0)) as (here, app):
        token = ""
        for kind in ("hang", "reset", "html", "json"):
            message_id = await sent(app)
            team = here.sandbox.team
            assert team is not None
            token = team.app.tokens[-1].value
            here.sandbox.state.fault("create", kind)
            outcome = await app.send(CHAT, card(), f"other-{kind}")
            said = [repr(outcome), repr(app), repr(message_id)]
            for secret in (here.account.app_secret, token):
                assert secret not in "".join(said)
        spans = "".join(span.to_json() for span in here.parts.spans())
        for secret in (here.account.app_secret, token):
            assert secret not in here.parts.log
            assert secret not in spans
            assert secret not in repr(here.account)


async def test_an_unreachable_platform_accepts_nothing() -> None:
    async with scene() as here:
        account = replace(here.account, base_url="http://127.0.0.1:1/")
        app = FeishuApp(account, here.parts.ports, here.parts.observe_token)
        reason = retried(await app.send(CHAT, card(), UUID))
        assert RetryReason.UNREACHABLE is reason
        assert not reason.ambiguous


@pytest.mark.parametrize(
    "url", ["", "open.feishu.cn", "ftp://x", "http://", "http://x:99999", "http://x y", "http://é"]
)
async def test_an_address_that_cannot_be_called_is_refused_at_the_start(url: str) -> None:
    async with scene() as here:
        with pytest.raises(BadAddress, match="feishu 'ops': base_url is no"):
            FeishuApp(
                replace(here.account, base_url=url), here.parts.ports, here.parts.observe_token
            )


async def test_a_base_url_may_end_in_a_slash() -> None:
    async with scene() as here:
        account = replace(here.account, base_url=here.account.base_url + "/")
        app = FeishuApp(account, here.parts.ports, here.parts.observe_token)
        assert await sent(app)


async def test_it_is_a_channel_that_edits() -> None:
    async with stage() as (_here, app):
        channel: Channel = app
        assert isinstance(channel, Edits)
        assert (app.name, app.kind, repr(app)) == ("ops", "feishu_app", "FeishuApp('ops')")


async def test_each_api_has_windows_of_its_own_and_the_chat_one_for_all() -> None:
    async with stage() as (_here, app):
        chat = Limit("chat:oc_1", 5, 1_000, "chat")
        connections = Limit("connections:ops", 14, 0, "connections")
        for call in (Call.CREATE, Call.REPLY):
            assert (
                Limit(f"app:cli_sandbox:{call}", 50, 1_000, "app_second"),
                Limit(f"app:cli_sandbox:{call}", 1_000, 60_000, "app_minute"),
                connections,
                chat,
            ) == app.limits(call, "oc_1", "om_1")
        assert app.limits(Call.CREATE, "oc_1", "") == app.limits(Call.POST, "oc_1", "")
        assert (
            Limit("app:cli_sandbox:patch", 50, 1_000, "app_second"),
            Limit("app:cli_sandbox:patch", 1_000, 60_000, "app_minute"),
            connections,
            Limit("message:om_1", 5, 1_000, "message"),
        ) == app.limits(Call.PATCH, "oc_1", "om_1")


async def test_calls_run_side_by_side() -> None:
    async with stage() as (here, app):
        for number in range(20):
            here.sandbox.state.add_chat(f"c{number}", chat_id=f"oc_{number}")
        outcomes = await asyncio.gather(
            *(app.send(f"oc_{number}", card(), f"u-{number}") for number in range(20))
        )
        assert all(isinstance(outcome, Delivered) for outcome in outcomes)
        assert here.calls("token") == 1
        assert here.clock.now() == START


async def test_it_spends_its_tenant_s_quota_and_needs_no_spreading() -> None:
    async with scene() as around:
        ports, observe = around.parts.ports, around.parts.observe_token
        free = FeishuApp(around.account, ports, observe)
        paid = FeishuApp(around.account, ports, observe, quota=Quota("lab", 10_000))
        for app in (free, paid):
            assert isinstance(app, Metered)
            assert not isinstance(app, Spreads)
        assert (free.quota, paid.quota) == (("default", 0), ("lab", 10_000))
