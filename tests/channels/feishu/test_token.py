"""The access token: one for everybody, renewed in time, fetched once when it is refused."""

import asyncio
from dataclasses import replace

import pytest

from receiver.channels.feishu.api import Api
from receiver.channels.feishu.attempt import Result
from receiver.channels.feishu.http import Timeouts
from receiver.channels.feishu.token import Account, Token, TokenSource
from receiver.domain.outcome import Delivered, Rejected, RejectReason, Retry, RetryReason
from receiver.telemetry import attributes
from tests.channels.feishu.parts import CHAT, Scene, scene

MINUTE = 60_000
LIFE = 120 * MINUTE
CHATS = ("GET", "/open-apis/im/v1/chats")


def source(scene: Scene, account: Account | None = None) -> TokenSource:
    return TokenSource(account or scene.account, scene.parts.ports, scene.parts.observe_token)


async def token_of(tokens: TokenSource) -> Token:
    token = await tokens.get()
    assert isinstance(token, Token)
    return token


def api(scene: Scene) -> Api:
    return Api(scene.account, scene.parts.ports, scene.parts.observe_token)


async def chats(api: Api) -> Result:
    return await api.call(CHATS, CHATS[1])


async def landed(tokens: TokenSource) -> None:
    """Wait for the renewal in the background."""
    await tokens._flights.wait("token", 10)  # noqa: SLF001 - what runs behind


async def test_concurrent_callers_share_one_fetch() -> None:
    async with scene() as here:
        tokens = source(here)
        found = await asyncio.gather(*(token_of(tokens) for _ in range(20)))
        assert len(set(found)) == 1
        assert here.calls("token") == 1
        assert [("ops", True, here.clock.now() + LIFE)] == here.parts.tokens


async def test_a_token_is_kept_until_it_is_worth_renewing() -> None:
    async with scene(share=0.0) as here:
        tokens = source(here)
        first = await token_of(tokens)
        here.clock.advance(LIFE - 25 * MINUTE)
        assert first == await token_of(tokens)
        await landed(tokens)
        assert here.calls("token") == 1
        here.clock.advance(1)
        assert first == await token_of(tokens)
        await landed(tokens)
        assert here.calls("token") == 2
        assert first != await token_of(tokens)


async def test_replicas_do_not_renew_together() -> None:
    async with scene(share=0.999) as here:
        tokens = source(here)
        await token_of(tokens)
        here.clock.advance(LIFE - 23 * MINUTE)
        await token_of(tokens)
        await landed(tokens)
        assert here.calls("token") == 1
        here.clock.advance(2 * MINUTE)
        await token_of(tokens)
        await landed(tokens)
        assert here.calls("token") == 2


async def test_a_failed_renewal_costs_nothing_while_the_token_lives() -> None:
    async with scene(share=0.0) as here:
        tokens = source(here)
        first = await token_of(tokens)
        here.clock.advance(LIFE - 20 * MINUTE)
        here.sandbox.state.fault("token", "html", times=2)
        for _ in range(5):
            assert first == await token_of(tokens)
            await landed(tokens)
        assert here.calls("token") == 2
        assert ("ops", False, first.expires_at) == here.parts.tokens[-1]
        for _ in range(2):
            here.clock.advance(30_000)
            assert first == await token_of(tokens)
            await landed(tokens)
        assert first != await token_of(tokens)


async def test_a_token_source_prints_no_secret() -> None:
    async with scene() as here:
        tokens = source(here)
        token = await token_of(tokens)
        assert token.value not in repr((tokens, token))
        assert here.account.app_secret not in repr((tokens, here.account))


async def test_a_token_that_ends_is_not_called_with() -> None:
    async with scene() as here:
        tokens = source(here)
        first = await token_of(tokens)
        here.clock.advance(LIFE - MINUTE)
        assert first != await token_of(tokens)


async def test_a_failure_is_shared_for_a_second() -> None:
    async with scene() as here:
        tokens = source(here)
        here.sandbox.state.fault("token", "html")
        for _ in range(3):
            assert isinstance(await tokens.get(), Retry)
        assert here.calls("token") == 1
        here.clock.advance(1_000)
        assert isinstance(await tokens.get(), Token)


async def test_a_caller_that_gives_up_does_not_end_the_fetch() -> None:
    async with scene() as here:
        tokens = source(here)
        impatient = asyncio.ensure_future(tokens.get())
        patient = asyncio.ensure_future(tokens.get())
        await asyncio.wait({impatient}, timeout=0)
        impatient.cancel()
        assert isinstance(await patient, Token)
        assert here.calls("token") == 1


@pytest.mark.parametrize("app_id", ["cli_sandbox", "cli_nobody"])
async def test_wrong_credentials_are_an_operators_matter(app_id: str) -> None:
    async with scene() as here:
        account = replace(here.account, app_id=app_id, app_secret="wrong")  # noqa: S106 - a test's
        outcome = await source(here, account).get()
        assert isinstance(outcome, Rejected)
        assert RejectReason.CREDENTIALS is outcome.reason
        assert here.parts.tokens == [("ops", False, 0)]


async def test_a_disabled_app_is_an_operators_matter() -> None:
    async with scene() as here:
        here.sandbox.state.apps[here.account.app_id].enabled = False
        assert isinstance(await source(here).get(), Rejected)


@pytest.mark.parametrize("kind", ["hang", "reset", "html", "json"])
async def test_a_token_that_cannot_be_fetched_makes_no_call_ambiguous(kind: str) -> None:
    async with scene(timeouts=Timeouts(total=1.0)) as here:
        here.sandbox.state.fault("token", kind)
        outcome = await source(here).get()
        assert isinstance(outcome, Retry)
        assert RetryReason.TOKEN is outcome.reason
        assert not outcome.reason.ambiguous


async def test_an_unreachable_platform_is_named_so() -> None:
    async with scene() as here:
        account = replace(here.account, base_url="http://127.0.0.1:1")
        outcome = await source(here, account).get()
        assert isinstance(outcome, Retry)
        assert RetryReason.UNREACHABLE is outcome.reason


async def test_a_refused_token_is_fetched_once_and_the_call_repeated() -> None:
    async with scene() as here:
        calls = api(here)
        assert Delivered() == (await chats(calls)).outcome
        here.sandbox.state.revoke_tokens(here.account.app_id)
        found = await asyncio.gather(*(chats(calls) for _ in range(10)))
        assert {Delivered()} == {result.outcome for result in found}
        assert here.calls("token") == 2
        spans = [span for span in here.parts.spans() if span.name == "GET /open-apis/im/v1/chats"]
        resent = [s for s in spans if (s.attributes or {}).get(attributes.HTTP_RESEND_COUNT) == 1]
        assert len(resent) == 10


@pytest.mark.parametrize("code", [99991661, 99991663, 99991664, 99991665, 99991668, 99991677])
async def test_a_token_that_is_refused_twice_is_tried_later(code: int) -> None:
    async with scene() as here:
        calls = api(here)
        here.sandbox.state.fault("chats", "code", code=code, times=2)
        outcome = (await chats(calls)).outcome
        assert isinstance(outcome, Retry)
        assert RetryReason.TOKEN is outcome.reason
        assert (here.calls("chats"), here.calls("token")) == (2, 2)
        assert Delivered() == (await chats(calls)).outcome


async def test_without_a_token_nothing_is_called() -> None:
    async with scene() as here:
        here.sandbox.state.fault("token", "html")
        assert isinstance((await chats(api(here))).outcome, Retry)
        assert here.calls("chats") == 0


async def test_closing_ends_a_renewal() -> None:
    async with scene() as here:
        tokens = source(here)
        here.sandbox.state.fault("token", "hang")
        asked = asyncio.ensure_future(tokens.get())
        await asyncio.wait({asked}, timeout=0)
        await tokens.close()
        with pytest.raises(asyncio.CancelledError):
            await asked


async def test_a_chat_is_where_the_app_is() -> None:
    async with scene() as here:
        assert CHAT in (await chats(api(here))).body.decode()
