"""Clicks that come late, twice, at a bad moment, or from somebody else than Feishu."""

import base64
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from receiver.sandbox.crypto import signature
from receiver.sandbox.state import Message
from tests.stage import Json, Stage, alert, colour, controls, gated, over, stage, values

TOO_OLD = 230031  # "The message can only be modified within 14 days of sending."


async def fired(at: Stage) -> Message:
    """Fire one alert and return its card."""
    await at.fire(alert(instance="db-1"))
    return await at.message()


def told(answer: httpx.Response) -> str:
    """Return what the toast of an answer says, in English."""
    assert answer.status_code == 200, answer.text
    return str(answer.json()["toast"]["i18n"]["en_us"])


async def test_a_click_while_a_patch_is_unsettled_is_answered_by_a_toast_alone(
    tmp_path: Path,
) -> None:
    async with gated(tmp_path) as (at, door):
        card = await fired(at)
        await at.quiet()
        door.answers.clear()
        await at.fire(alert(instance="db-1"), alert(instance="db-2"))
        await at.until(lambda: card.updates == 1)
        clicked = await at.click(card, "acknowledge")
        assert clicked.code == 0
        assert clicked.toast is not None
        assert clicked.toast["i18n"]["en_us"] == "Acknowledged"
        assert not clicked.card_replaced
        assert colour(card) == "red"
        door.answers.set()
        await at.turns(card, "blue")
        await at.shows(card, "Acknowledged by **韩梅梅**", "2 firing")


async def test_the_edit_that_confirms_a_click_keeps_a_seconds_distance(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        card = await fired(at)
        await at.quiet()
        assert (await at.click(card, "acknowledge")).card_replaced
        await at.until(lambda: card.updates == 2)
        click, edit = [
            call for call in at.desk.calls if call.call in ("card.action.trigger", "patch")
        ]
        assert edit.at - click.at >= 1_000
        assert edit.code == 0


async def test_a_click_on_an_old_generation_points_to_the_new_one(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        old = await fired(at)
        await at.quiet()
        at.desk.fault("patch", "code", code=TOO_OLD)
        await at.fire(alert(instance="db-1"), alert(instance="db-2"))
        new = await at.message(number=2)
        assert new.root_id is None
        clicked = await at.click(old, "acknowledge")
        assert clicked.toast is not None
        assert "newer card" in clicked.toast["i18n"]["en_us"]
        assert not clicked.card_replaced
        assert colour(new) == "red"
        await at.click(new, "acknowledge")
        await at.turns(new, "blue")
        assert colour(old) == "red"


async def test_a_late_click_leaves_a_resolved_incident_as_it_is(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        card = await fired(at)
        before = values(card.content)
        await at.fire(over(alert(instance="db-1")))
        await at.turns(card, "green")
        assert controls(card.content) == {}
        for what in ("acknowledge", "resolve"):
            answer = await at.send(at.callback("王伟", card, before[what]))
            assert told(answer) == "Resolved already: nothing to do"
        form = {"scope": "group", "duration": "1h"}
        answer = await at.send(at.callback("王伟", card, before["silence"], **form))
        assert told(answer) == "Resolved already: nothing to do"
        [incident] = await at.incidents()
        assert incident["acknowledged_by"] is None
        assert incident["silences"] == []
        assert colour(card) == "green"


async def test_two_people_own_what_both_acknowledged(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        card = await fired(at)
        value = values(card.content)["acknowledge"]
        await at.click(card, "acknowledge", who="李雷")
        answer = await at.send(at.callback("王伟", card, value))
        assert told(answer) == "Acknowledged, together with 李雷"
        await at.shows(card, "**李雷**, **王伟**")
        await at.click(card, "unacknowledge", who="李雷")
        await at.shows(card, "Acknowledged by **王伟**")
        await at.click(card, "unacknowledge", who="王伟")
        await at.turns(card, "red")


async def test_what_is_handled_while_its_source_still_fires_says_so_until_it_resolves(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as at:
        card = await fired(at)
        clicked = await at.click(card, "resolve", who="王伟")
        assert clicked.toast is not None
        assert "the source still reports it" in clicked.toast["i18n"]["en_us"]
        await at.shows(card, "Marked as handled by **王伟**", "The source still fires")
        await at.turns(card, "blue")
        assert (await at.incidents())[0]["closed_at"] is None
        await at.fire(over(alert(instance="db-1")))
        await at.turns(card, "green")


async def test_a_recalled_card_comes_again_with_the_next_change(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        old = await fired(at)
        await at.quiet()
        at.desk.recall(old.message_id)
        await at.fire(alert(instance="db-1"), alert(instance="db-2"))
        new = await at.message(number=2)
        await at.shows(new, "2 firing")
        await at.quiet()
        await at.fire(over(alert(instance="db-1")), over(alert(instance="db-2")))
        await at.turns(new, "green")
        assert [one.root_id for one in at.messages()].count(None) == 2


Forge = Callable[[Stage, httpx.Request], httpx.Request]


def signed(at: Stage, body: bytes, *, key: str = "", skew: int = 0) -> httpx.Request:
    """Return a request whose signature is made with this key, so many seconds from now."""
    timestamp, nonce = str(at.desk.clock.now() // 1000 + skew), "7"
    mark = signature(timestamp, nonce, key or at.app.encrypt_key, body)
    headers = {
        "X-Lark-Request-Timestamp": timestamp,
        "X-Lark-Request-Nonce": nonce,
        "X-Lark-Signature": mark,
    }
    return httpx.Request("POST", at.app.callback_url, content=body, headers=headers)


def unsigned(_: Stage, true: httpx.Request) -> httpx.Request:
    """Leave the signature out."""
    return httpx.Request("POST", true.url, content=true.content)


def changed(_: Stage, true: httpx.Request) -> httpx.Request:
    """Change the body below its signature."""
    kept = {name: value for name, value in true.headers.items() if name != "content-length"}
    return httpx.Request("POST", true.url, content=true.content + b" ", headers=kept)


def of_another_key(at: Stage, true: httpx.Request) -> httpx.Request:
    """Sign with a key that is not the app's."""
    return signed(at, true.content, key="guessed")


def stale(at: Stage, true: httpx.Request) -> httpx.Request:
    """Sign as of more than an hour ago."""
    return signed(at, true.content, skew=-3_700)


def undecryptable(at: Stage, _: httpx.Request) -> httpx.Request:
    """Sign what cannot be decrypted."""
    sealed = base64.b64encode(bytes(48)).decode()
    return signed(at, b'{"encrypt":"' + sealed.encode() + b'"}')


def no_json(at: Stage, _: httpx.Request) -> httpx.Request:
    """Sign what is no JSON at all."""
    return signed(at, b"\xff\x00{")


@pytest.mark.parametrize(
    "forge", [unsigned, changed, of_another_key, stale, undecryptable, no_json]
)
async def test_what_feishu_did_not_send_changes_nothing(tmp_path: Path, forge: Forge) -> None:
    async with stage(tmp_path) as at:
        card = await fired(at)
        document = at.callback("韩梅梅", card, values(card.content)["acknowledge"])
        true = at.desk.courier.request(at.app, document)
        answer = await at.http.send(forge(at, true))
        assert answer.status_code == 403
        assert answer.json() == REFUSED
        assert (await at.incidents())[0]["acknowledged_by"] is None
        assert told(await at.http.send(true)) == "Acknowledged"


REFUSED: Json = {
    "title": "refused",
    "status": 403,
    "detail": "this request is not acceptable",
}


async def test_a_replayed_callback_is_refused(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        card = await fired(at)
        before = values(card.content)
        first = at.desk.courier.request(at.app, at.callback("李雷", card, before["acknowledge"]))
        assert told(await at.http.send(first)) == "Acknowledged"
        value = {**before["acknowledge"], "a": "unacknowledge"}
        assert told(await at.send(at.callback("李雷", card, value))) == "No longer acknowledged"
        assert (await at.http.send(first)).status_code == 403
        assert (await at.incidents())[0]["acknowledged_by"] is None
        assert await at.metric("receiver_callback_requests_total", outcome="replayed") == 1


async def test_a_challenge_with_the_wrong_token_is_refused(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        ask = {"type": "url_verification", "challenge": "say this", "token": "guessed"}
        request = at.desk.courier.request(at.app, ask, signed=False)
        assert (await at.http.send(request)).status_code == 403
        ask["token"] = at.app.verification_token
        request = at.desk.courier.request(at.app, ask, signed=False)
        assert (await at.http.send(request)).json() == {"challenge": "say this"}


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"v": 1, "a": "launch", "i": 1, "c": 1, "g": 1},
        {"v": 1, "a": "acknowledge", "i": 99, "c": 99, "g": 1},
        {"v": 1, "a": "acknowledge", "i": -1, "c": "1", "g": None},
    ],
)
async def test_a_click_that_is_not_understood_still_gets_an_answer(
    tmp_path: Path, value: Json
) -> None:
    async with stage(tmp_path) as at:
        card = await fired(at)
        answer = await at.send(at.callback("李雷", card, value))
        assert answer.json()["toast"]["type"] == "error"
        assert "card" not in answer.json()
        assert (await at.incidents())[0]["acknowledged_by"] is None
