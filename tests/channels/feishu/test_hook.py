"""The group bot against the sandbox: signed anew each time, judged by the body, its URL unsaid."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from receiver.channels.base import Channel, Edits, Metered, Spreads
from receiver.channels.feishu.api import BadAddress
from receiver.channels.feishu.hook import RUSH_EVERY, SPREAD_OVER, FeishuBot, sign
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
from receiver.telemetry import attributes
from tests.channels.feishu.parts import Scene, scene

CARD = {
    "schema": "2.0",
    "body": {"elements": [{"tag": "markdown", "content": "disk full"}]},
}


def drawn(msg_type: str, content: object) -> str:
    return json.dumps({"msg_type": msg_type, "content": content})


WHOLE = drawn("interactive", CARD)


@asynccontextmanager
async def stage(
    timeouts: Timeouts | None = None, *, secret: str | None = None
) -> AsyncIterator[tuple[Scene, FeishuBot]]:
    async with scene(timeouts=timeouts) as here:
        team = here.sandbox.team
        assert team is not None
        bot = FeishuBot(
            "legacy",
            here.sandbox.hook_url,
            team.hook.secret if secret is None else secret,
            here.parts.ports,
        )
        yield here, bot
        await bot.close()


def shown(scene: Scene) -> list[tuple[str, object]]:
    team = scene.sandbox.team
    assert team is not None
    messages = scene.sandbox.state.messages(team.hook.chat_id)
    return [(message.msg_type, message.content) for message in messages]


def reason(outcome: Outcome) -> RetryReason | RejectReason:
    assert isinstance(outcome, Retry | Rejected)
    return outcome.reason


def test_the_documented_signature() -> None:
    assert sign(1599360473, "demo") == "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="


async def test_a_card_a_text_and_a_post_arrive() -> None:
    async with stage() as (here, bot):
        post = {"zh_cn": {"title": "t", "content": [[{"tag": "text", "text": "a"}]]}}
        for content in (WHOLE, drawn("text", {"text": "hi"}), drawn("post", post)):
            assert Delivered() == await bot.send("", content, "")
        kinds = [kind for kind, _ in shown(here)]
        assert kinds == ["interactive", "text", "post"]
        assert shown(here)[0][1] == CARD
        assert shown(here)[1][1] == {"text": "hi"}


async def test_a_message_is_signed_at_the_moment_of_sending() -> None:
    async with stage() as (here, bot):
        for _ in range(3):
            here.clock.advance(7_200_000)
            assert Delivered() == await bot.send("", WHOLE, "")


async def test_a_bot_without_a_secret_signs_nothing() -> None:
    async with stage(secret="") as (here, bot):
        assert RejectReason.CREDENTIALS is reason(await bot.send("", WHOLE, ""))
        team = here.sandbox.team
        assert team is not None
        team.hook.secret = ""
        assert Delivered() == await bot.send("", WHOLE, "")


async def test_http_200_with_a_code_is_no_success() -> None:
    async with stage(secret="wrong") as (here, bot):  # noqa: S106 - a test\'s
        outcome = await bot.send("", WHOLE, "")
        assert RejectReason.CREDENTIALS is reason(outcome)
        assert here.sandbox.state.calls[-1].http == 200
        assert shown(here) == []


async def test_a_webhook_that_is_gone_is_an_operators_matter() -> None:
    async with scene() as here:
        url = here.sandbox.hook_url + "x"
        bot = FeishuBot("legacy", url, "s", here.parts.ports)
        assert RejectReason.TARGET is reason(await bot.send("", WHOLE, ""))


@pytest.mark.parametrize("legacy", [True, False])
async def test_old_and_new_answers_are_understood(legacy: bool) -> None:
    async with stage() as (here, bot):
        here.sandbox.state.turn(hook_legacy_extra=legacy)
        assert Delivered() == await bot.send("", WHOLE, "")


@pytest.mark.parametrize("http", [200, 400])
async def test_a_keyword_a_size_and_a_rate_are_told_apart(http: int) -> None:
    async with stage() as (here, bot):
        here.sandbox.state.turn(hook_http_19036=http)
        long = drawn("text", {"text": "x" * 21_000})
        assert RejectReason.TOO_LARGE is reason(await bot.send("", long, ""))
        team = here.sandbox.team
        assert team is not None
        team.hook.keywords = ("needle",)
        assert RejectReason.TARGET is reason(await bot.send("", WHOLE, ""))
        team.hook.keywords = ()
        outcomes = [await bot.send("", WHOLE, "") for _ in range(6)]
        assert RetryReason.RATE_LIMITED is reason(outcomes[-1])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("hang", RetryReason.TIMEOUT),
        ("reset", RetryReason.CONNECTION_LOST),
        ("html", RetryReason.SERVER_ERROR),
        ("json", RetryReason.SERVER_ERROR),
        ("too_many", RetryReason.RATE_LIMITED),
    ],
)
async def test_trouble_is_named(kind: str, expected: RetryReason) -> None:
    async with stage(Timeouts(total=1.0)) as (here, bot):
        here.sandbox.state.fault("hook", kind)
        assert expected is reason(await bot.send("", WHOLE, ""))


async def test_what_was_not_drawn_is_not_sent() -> None:
    async with stage() as (here, bot):
        assert RejectReason.REQUEST is reason(await bot.send("", "junk", ""))
        assert here.sandbox.state.calls == []


async def test_its_url_is_never_said() -> None:
    async with stage(Timeouts(total=1.0)) as (here, bot):
        token = here.sandbox.hook_url.rpartition("/")[2]
        team = here.sandbox.team
        assert team is not None
        said = repr(bot)
        for kind in ("hang", "reset", "html", "json", "too_many"):
            here.sandbox.state.fault("hook", kind)
            said += repr(await bot.send("", WHOLE, ""))
        said += repr(await bot.send("", WHOLE, "")) + repr(bot.limits(Call.POST, "", ""))
        spans = here.parts.spans()
        said += here.parts.log + "".join(span.to_json() for span in spans)
        assert token not in said
        assert team.hook.secret not in said
        urls = {(span.attributes or {})[attributes.URL_FULL] for span in spans}
        assert {f"{here.account.base_url}/open-apis/bot/v2/hook/***"} == urls
        assert {"POST /open-apis/bot/v2/hook/:token"} == {span.name for span in spans}


async def test_a_relays_url_is_never_said_either() -> None:
    """Only the path of the platform's own webhooks would be masked by its shape."""
    async with scene() as here:
        bot = FeishuBot(
            "relay", "http://user:p4ss@127.0.0.1:1/s3cr3t?k=v4lue", "", here.parts.ports
        )
        outcome = await bot.send("", WHOLE, "")
        said = repr(outcome) + repr(bot) + "".join(s.to_json() for s in here.parts.spans())
        said += here.parts.log
        for secret in ("p4ss", "s3cr3t", "v4lue"):
            assert secret not in said


@pytest.mark.parametrize("url", ["", "s3cr3t", "http://s3cr3t:x/", "ftp://h/s3cr3t"])
async def test_an_address_that_cannot_be_called_is_refused_without_quoting_it(url: str) -> None:
    async with scene() as here:
        with pytest.raises(BadAddress, match="feishu 'legacy': webhook_url is no") as caught:
            FeishuBot("legacy", url, "", here.parts.ports)
        assert "s3cr3t" not in str(caught.value)


async def test_it_is_a_channel_that_cannot_edit() -> None:
    async with stage() as (_here, bot):
        channel: Channel = bot
        assert not isinstance(channel, Edits)
        assert (bot.name, bot.kind, repr(bot)) == ("legacy", "feishu_bot", "FeishuBot('legacy')")


async def test_two_names_of_one_url_share_its_limits() -> None:
    async with stage() as (here, bot):
        twin = FeishuBot("twin", here.sandbox.hook_url, "", here.parts.ports)
        other = FeishuBot("other", here.sandbox.hook_url + "x", "", here.parts.ports)
        limits = bot.limits(Call.POST, "", "")
        assert [limit[1:] for limit in limits] == [
            (5, 1_000, "bot_second"),
            (100, 60_000, "bot_minute"),
        ]
        assert limits == twin.limits(Call.POST, "", "")
        assert limits != other.limits(Call.POST, "", "")


async def test_it_mentions_only_whom_it_can() -> None:
    async with stage() as (_here, bot):
        mention = ["ou_li", "li@example.com", "all", "ou_li"]
        assert await bot.people(mention) == ("ou_li", "all")


async def test_lesser_cards_are_spread_over_the_rush_at_each_half_hour() -> None:
    async with scene() as around:
        bot = FeishuBot("legacy", "http://127.0.0.1:1/hook", "", around.parts.ports)
        assert isinstance(bot, Spreads)
        assert not isinstance(bot, Metered)  # its calls count against no month
        rush = 990_000 * RUSH_EVERY
        waits = [bot.spread(card, rush) for card in range(1, 301)]
        assert max(waits) < SPREAD_OVER == 30_000
        tenths = [wait * 10 // SPREAD_OVER for wait in waits]
        assert all(20 <= tenths.count(tenth) <= 40 for tenth in range(10))
        for card, wait in enumerate(waits, start=1):
            assert bot.spread(card, rush + 1_000) == max(wait - 1_000, 0)
            assert bot.spread(card, rush + wait) == 0
            assert bot.spread(card, rush + SPREAD_OVER) == bot.spread(card, rush - 1) == 0
