"""The group bot: what it takes, in which order it refuses, and how often it may speak."""

import json
from typing import Any

import pytest

from receiver.sandbox.hooks import sign
from receiver.sandbox.knobs import CHECKS
from tests.sandbox.driver import Lab, button, card, lab

CHAT = "oc_platform_team"
SECOND = 1_700_000_000


def signed(here: Lab, second: int = SECOND, **document: Any) -> dict[str, Any]:
    """Sign a document for the preset's group bot."""
    timestamp = str(second)
    return {**document, "timestamp": timestamp, "sign": sign(timestamp, here.team.hook.secret)}


def text(words: str = "disk full") -> dict[str, Any]:
    return {"msg_type": "text", "content": {"text": words}}


async def test_success_reads_as_captured() -> None:
    async with lab() as here:
        answer = await here.hook(signed(here, **text()))
        assert answer.status_code == 200
        assert answer.content == (
            b'{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}'
        )
        (message,) = here.desk.messages(CHAT)
        assert (message.sender_kind, message.content) == ("hook", {"text": "disk full"})
        here.desk.turn(hook_legacy_extra=True)
        assert (await here.hook(signed(here, **text()))).json()["Extra"] is None


async def test_a_card_is_an_object_and_its_buttons_are_inert() -> None:
    async with lab() as here:
        answer = await here.hook(signed(here, msg_type="interactive", card=card()))
        assert answer.json()["code"] == 0
        (message,) = here.desk.messages(CHAT)
        clicked = await here.desk.click(message.message_id, "ou_li", "/body/elements/1")
        assert (clicked.code, clicked.http) == (200340, None)


@pytest.mark.parametrize(
    ("document", "code", "msg"),
    [
        (text(""), 19002, "params error, text is nil"),
        ({"msg_type": "sticker", "content": {}}, 19002, "params error, msg_type need"),
        ({"content": {}}, 19002, "params error, msg_type need"),
        ({"msg_type": "text"}, 19002, "params error, content need"),
        ({"msg_type": "interactive", "card": "{}"}, 19002, "params error, unknown card value"),
        ({"msg_type": "interactive", "content": "{}"}, 19002, "params error, unknown card value"),
        ({"msg_type": "post", "content": {}}, 19002, "params error, post need"),
        ({"msg_type": "image", "content": {}}, 19002, "params error, image_key need"),
        (
            {"msg_type": "share_chat", "content": {"share_chat_id": "oc_customer_service"}},
            19002,
            "params error, share_chat_id is not this chat",
        ),
    ],
)
async def test_documents_that_are_refused_with_http_200(
    document: dict[str, Any], code: int, msg: str
) -> None:
    async with lab() as here:
        answer = await here.hook(signed(here, **document))
        assert answer.status_code == 200
        assert answer.json() == {"code": code, "data": {}, "msg": msg}
        assert here.desk.messages(CHAT) == []


def post(*tags: dict[str, Any]) -> dict[str, Any]:
    language = {"title": "t", "content": [list(tags)]}
    return {"msg_type": "post", "content": {"post": {"zh_cn": language}}}


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ({"tag": "text", "text": "x"}, 0),
        ({"tag": "at", "user_id": "ou_li"}, 0),
        ({"tag": "a", "text": "x", "href": "https://a.example"}, 0),
        ({"tag": "a", "text": "x", "href": "a.example"}, 19002),
        ({"tag": "md", "text": "x"}, 19002),
    ],
)
async def test_posts(tag: dict[str, Any], code: int) -> None:
    async with lab() as here:
        assert (await here.hook(signed(here, **post(tag)))).json()["code"] == code


async def test_a_refused_card_is_11246_with_http_200() -> None:
    async with lab() as here:
        bad = card({"tag": "markdown", "content": "<at id=ou_nobody></at>"})
        answer = await here.hook(signed(here, msg_type="interactive", card=bad))
        assert (answer.status_code, answer.json()["code"]) == (200, 11246)
        assert answer.json()["msg"].startswith("ErrCode: 100290; ErrPath: ROOT -> body")


async def test_an_address_in_a_mention_reaches_nobody() -> None:
    async with lab() as here:
        mention = {"tag": "markdown", "content": "<at email=li@example.com></at>"}
        await here.hook(signed(here, msg_type="interactive", card=card(mention)))
        assert here.desk.messages(CHAT)[0].mentions == []


async def test_members_and_everybody_are_notified() -> None:
    async with lab() as here:
        words = '<at user_id="all">x</at> <at user_id="ou_bob">x</at> <at user_id="ou_x">x</at>'
        await here.hook(signed(here, **text(words)))
        names = [mention["name"] for mention in here.desk.messages(CHAT)[0].mentions]
        assert names == ["所有人", "Bob Smith"]


async def test_an_unknown_token_is_19001() -> None:
    async with lab() as here:
        answer = await here.http.post("/open-apis/bot/v2/hook/nobody", json=text())
        assert (answer.status_code, answer.json()["code"]) == (200, 19001)
        here.desk.chats[CHAT].dissolved = True
        assert (await here.hook(signed(here, **text()))).json()["code"] == 19001


@pytest.mark.parametrize(("skew", "code"), [(3_600, 0), (-3_600, 0), (3_601, 19021)])
async def test_a_signature_lives_an_hour(skew: int, code: int) -> None:
    async with lab() as here:
        assert (await here.hook(signed(here, SECOND + skew, **text()))).json()["code"] == code


@pytest.mark.parametrize("given", [{}, {"sign": "x"}, {"timestamp": "x"}, {"timestamp": []}])
async def test_a_bad_signature(given: dict[str, object]) -> None:
    async with lab() as here:
        document = signed(here, **text()) | {"sign": ""} | given
        assert (await here.hook(document)).json()["code"] == 19021


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        (("127.0.0.1",), 0),
        (("127.0.0.*",), 0),
        (("10.0.0.0/8", "127.0.0.1/24"), 0),
        (("10.0.0.1", "nonsense"), 19022),
    ],
)
async def test_addresses(rules: tuple[str, ...], code: int) -> None:
    async with lab() as here:
        here.team.hook.ips = rules
        assert (await here.hook(signed(here, **text()))).json()["code"] == code


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (text("告警: disk"), 0),
        (text("恢复"), 19024),
        (post({"tag": "text", "text": "告警"}), 0),
        (post({"tag": "a", "text": "x", "href": "https://a.example/告警"}), 19024),
        ({"msg_type": "interactive", "card": card({"tag": "markdown", "content": "告警"})}, 0),
        ({"msg_type": "interactive", "card": card()}, 19024),
    ],
)
async def test_keywords(document: dict[str, Any], code: int) -> None:
    async with lab() as here:
        here.team.hook.keywords = ("告警", "alert")
        assert (await here.hook(signed(here, **document))).json()["code"] == code


async def test_five_a_second_and_a_hundred_a_minute() -> None:
    async with lab() as here:
        for second in range(20):
            for _ in range(5):
                assert (await here.hook(signed(here, **text()))).json()["code"] == 0
            if not second:
                over = await here.hook(signed(here, **text()))
                assert (over.status_code, over.json()["code"]) == (200, 11232)
            here.clock.advance(1_000)
        assert (await here.hook(signed(here, SECOND + 20, **text()))).json()["code"] == 11232
        here.clock.advance(40_000)
        assert (await here.hook(signed(here, SECOND + 60, **text()))).json()["code"] == 0


@pytest.mark.parametrize(("counts", "code"), [(False, 0), (True, 11233)])
async def test_whether_a_hook_uses_up_the_chats_five_a_second(counts: bool, code: int) -> None:
    async with lab() as here:
        here.desk.turn(hook_counts_in_chat=counts)
        for _ in range(5):
            await here.bot.sent(card(), to=CHAT)
        assert (await here.hook(signed(here, **text()))).json()["code"] == code


@pytest.mark.parametrize(
    ("knobs", "http", "code"),
    [
        ({}, 200, 19036),
        ({"hook_http_19036": 400}, 400, 19036),
        ({"hook_size_code": 9499}, 400, 9499),
        ({"hook_size_code": 9499, "hook_http_9499": 200}, 200, 9499),
    ],
)
async def test_a_body_beyond_20_kb(knobs: dict[str, int], http: int, code: int) -> None:
    async with lab() as here:
        here.desk.turn(**knobs)
        answer = await here.hook(signed(here, **text("x" * 20 * 1024)))
        assert (answer.status_code, answer.json()["code"]) == (http, code)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
async def test_a_malformed_body_is_9499(body: bytes) -> None:
    async with lab() as here:
        answer = await here.hook(body)
        assert answer.status_code == 400
        assert answer.json() == {"code": 9499, "msg": "Bad Request", "data": {}}


@pytest.mark.parametrize("status", [200, 400])
async def test_statuses_that_nobody_captured_are_knobs(status: int) -> None:
    async with lab() as here:
        here.desk.turn(hook_http_19021=status, hook_http_19022=status)
        assert (await here.hook(text())).status_code == status
        here.team.hook.ips = ("10.0.0.1",)
        assert (await here.hook(text())).status_code == status


# A document that fails every check from `sign` on, and what the first failing one says.
FAULTY = {"msg_type": "sticker", "content": {"text": "x" * 21_000}, "sign": ""}
CODES = {"size": 19036, "ip": 19022, "sign": 19021, "msg_type": 19002, "keyword": 19024}


@pytest.mark.parametrize("first", CODES)
async def test_the_order_of_the_checks_is_a_knob(first: str) -> None:
    async with lab() as here:
        here.team.hook.keywords, here.team.hook.ips = ("告警",), ("10.0.0.1",)
        others = [name for name in CHECKS if name not in ("parse", first)]
        here.desk.turn(hook_order=["parse", first, *others])
        assert (await here.hook(FAULTY)).json()["code"] == CODES[first]


async def test_the_documented_order() -> None:
    async with lab() as here:
        here.team.hook.keywords, here.team.hook.ips = ("告警",), ("10.0.0.1",)
        seen = [(await here.hook(FAULTY)).json()["code"]]
        small = FAULTY | {"content": {"text": "x"}}
        seen.append((await here.hook(small)).json()["code"])
        here.team.hook.ips = ()
        seen.append((await here.hook(small)).json()["code"])
        here.team.hook.secret = ""
        seen.append((await here.hook(small)).json()["code"])
        bad = card({"tag": "note"}, button())
        seen.append((await here.hook({"msg_type": "interactive", "card": bad})).json()["code"])
        here.team.hook.keywords = ()
        seen.append((await here.hook({"msg_type": "interactive", "card": bad})).json()["code"])
        assert seen == [19036, 19022, 19021, 19002, 19024, 11246]


async def test_hooks_log_ids_stand_in_the_header_only() -> None:
    async with lab() as here:
        answer = await here.hook(json.dumps(text()).encode())
        assert answer.headers["x-tt-logid"]
        assert "error" not in answer.json()
