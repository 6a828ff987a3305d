"""Tenant access tokens live two hours and follow the 30-minute rule."""

import pytest

from receiver.sandbox.tokens import LIFE_MS, SAME_ABOVE_MS
from tests.sandbox.driver import MESSAGES, lab

INTERNAL = "/open-apis/auth/v3/tenant_access_token/internal"


async def test_with_30_minutes_left_the_same_token_comes_back() -> None:
    async with lab() as here:
        first = await here.bot.fetch_token()
        assert first["expire"] == 7_200
        here.clock.advance(LIFE_MS - SAME_ABOVE_MS)
        again = await here.bot.fetch_token()
        assert again["tenant_access_token"] == first["tenant_access_token"]
        assert again["expire"] == 1_800


async def test_under_30_minutes_a_new_token_lives_beside_the_old() -> None:
    async with lab() as here:
        old = here.bot.token
        here.clock.advance(LIFE_MS - SAME_ABOVE_MS + 1)
        fresh = await here.bot.fetch_token()
        assert fresh["tenant_access_token"] != old
        assert fresh["expire"] == 7_200
        for token in (old, fresh["tenant_access_token"]):
            here.bot.token = token
            assert (await here.bot.call("GET", "/open-apis/bot/v3/info")).json()["code"] == 0
        here.clock.advance(SAME_ABOVE_MS - 1)
        here.bot.token = old
        assert (await here.bot.call("GET", "/open-apis/bot/v3/info")).json()["code"] == 99991663
        here.bot.token = fresh["tenant_access_token"]
        assert (await here.bot.call("GET", "/open-apis/bot/v3/info")).json()["code"] == 0


async def test_a_revoked_token_is_refused_and_a_new_one_is_given() -> None:
    async with lab() as here:
        here.desk.revoke_tokens(here.bot.app_id)
        answer = await here.bot.call("GET", "/open-apis/bot/v3/info")
        assert (answer.status_code, answer.json()["code"]) == (400, 99991663)
        await here.bot.fetch_token()
        assert (await here.bot.call("GET", "/open-apis/bot/v3/info")).json()["code"] == 0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 10003),
        ({"app_id": "cli_sandbox"}, 10003),
        ({"app_id": "cli_nobody", "app_secret": "x"}, 10003),
        ({"app_id": "cli_sandbox", "app_secret": "wrong"}, 10015),
        ({"app_id": "cli_sandbox", "app_secret": "the other's"}, 20002),
    ],
)
@pytest.mark.parametrize("http", [200, 400])
async def test_bad_credentials(body: dict[str, str], code: int, http: int) -> None:
    async with lab() as here:
        other = here.desk.add_app("another")
        if code == 20002:
            body = body | {"app_secret": other.secret}
        here.desk.turn(token_endpoint_http=http)
        answer = await here.http.post(INTERNAL, json=body)
        assert (answer.status_code, answer.json()["code"]) == (http, code)
        assert answer.json()["error"]["log_id"] == answer.headers["x-tt-logid"]


async def test_a_disabled_app_gets_no_token_and_may_not_call() -> None:
    async with lab() as here:
        here.team.app.enabled = False
        answer = await here.bot.call("GET", "/open-apis/bot/v3/info")
        assert answer.json()["code"] == 99991662
        assert (await here.bot.fetch_token())["code"] == 10014


@pytest.mark.parametrize(
    ("header", "code"),
    [("", 99991661), ("Bearer ", 99991661), ("Bearer x", 99991671), ("Bearer t-x", 99991663)],
)
@pytest.mark.parametrize("http", [400, 401])
async def test_calls_without_a_good_token(header: str, code: int, http: int) -> None:
    async with lab() as here:
        here.desk.turn(bad_token_http=http)
        answer = await here.http.post(MESSAGES, headers={"Authorization": header})
        assert (answer.status_code, answer.json()["code"]) == (http, code)
