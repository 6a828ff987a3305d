"""Messages: who may send what where, once, how often, and how a card changes afterwards."""

import json
from typing import Any

import pytest

from tests.sandbox.driver import CHAT, MESSAGES, Lab, card, lab

HOUR = 3_600_000
DAY = 24 * HOUR


async def test_a_sent_card_answers_as_documented_and_is_stored() -> None:
    async with lab() as here:
        answer = await here.bot.send(card())
        document = answer.json()
        data = document["data"]
        assert (answer.status_code, document["code"], document["msg"]) == (200, 0, "success")
        assert data["message_id"].startswith("om_")
        assert data["chat_id"] == CHAT
        assert data["create_time"] == "1700000000000"
        assert data["sender"]["id"] == here.bot.app_id
        assert "root_id" not in data
        assert json.loads(data["body"]["content"]) == card()
        assert here.shown(data["message_id"]) == card()
        assert answer.headers["x-tt-logid"]


@pytest.mark.parametrize(
    ("id_type", "to"),
    [("open_id", "ou_li"), ("email", "li@example.com")],
)
async def test_a_person_is_reached_in_a_chat_of_their_own(id_type: str, to: str) -> None:
    async with lab() as here:
        first = await here.bot.send({"text": "hi"}, "text", to=to, id_type=id_type)
        again = await here.bot.send({"text": "hi"}, "text", to=to, id_type=id_type)
        chat_id = first.json()["data"]["chat_id"]
        assert again.json()["data"]["chat_id"] == chat_id
        assert here.desk.chats[chat_id].kind == "p2p"
        assert here.desk.chats[chat_id].members == ["ou_li"]


@pytest.mark.parametrize(
    ("id_type", "to", "code"),
    [
        ("chat_id", "oc_nobody", 99992356),
        ("chat_id", "nobody", 230034),
        ("open_id", "ou_nobody", 99992351),
        ("user_id", "nobody", 99992360),
        ("union_id", "on_nobody", 99992363),
        ("email", "nobody@example.com", 230034),
        ("phone", "1", 99992402),
        ("chat_id", "", 99992402),
    ],
)
async def test_unknown_receivers(id_type: str, to: str, code: int) -> None:
    async with lab() as here:
        answer = await here.bot.send({"text": "hi"}, "text", to=to, id_type=id_type)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        assert answer.json()["error"]["log_id"] == answer.headers["x-tt-logid"]


async def test_another_apps_open_id_is_told_apart() -> None:
    async with lab() as here:
        other = here.desk.add_app("another")
        foreign = here.desk.tenant.open_id(other.app_id, here.team.users[0])
        answer = await here.bot.send({"text": "hi"}, "text", to=foreign, id_type="open_id")
        assert answer.json()["code"] == 99992361


async def test_a_resigned_person_cannot_be_reached() -> None:
    async with lab() as here:
        here.team.users[0].resigned = True
        answer = await here.bot.send({"text": "hi"}, "text", to="ou_li", id_type="open_id")
        assert answer.json()["code"] == 230029


async def test_a_bot_outside_a_muted_or_a_dissolved_chat_is_refused() -> None:
    async with lab() as here:
        message_id = await here.bot.sent(card())
        chat = here.desk.chats[CHAT]
        chat.muted = True
        assert (await here.bot.send(card())).json()["code"] == 230018
        chat.muted = False
        here.desk.remove_bot(CHAT, here.bot.app_id)
        assert (await here.bot.send(card())).json()["code"] == 230002
        assert (await here.bot.patch(message_id, card())).json()["code"] == 230002
        chat.dissolved = True
        assert (await here.bot.send(card())).json()["code"] == 232009


async def test_within_an_hour_a_uuid_makes_one_message() -> None:
    async with lab() as here:
        first = await here.bot.sent(card(), uuid="u-1")
        here.clock.advance(HOUR - 1)
        other = card({"tag": "markdown", "content": "other words"})
        assert await here.bot.sent(other, uuid="u-1") == first
        assert here.shown(first) == card()
        assert len(here.desk.messages(CHAT)) == 1


async def test_after_an_hour_a_uuid_is_forgotten() -> None:
    async with lab() as here:
        first = await here.bot.sent(card(), uuid="u-1")
        here.clock.advance(HOUR)
        assert await here.bot.sent(card(), uuid="u-1") != first


async def test_a_duplicate_uuid_may_be_told_that_it_is_being_sent() -> None:
    async with lab() as here:
        here.desk.turn(uuid_duplicate="230049")
        await here.bot.sent(card(), uuid="u-1")
        answer = await here.bot.send(card(), uuid="u-1")
        assert (answer.status_code, answer.json()["code"]) == (400, 230049)


async def test_a_refused_message_does_not_use_its_uuid_up() -> None:
    async with lab() as here:
        bad = card({"tag": "note"})
        assert (await here.bot.send(bad, uuid="u-1")).json()["code"] == 230099
        await here.bot.sent(card(), uuid="u-1")


async def test_a_uuid_belongs_to_its_app() -> None:
    async with lab() as here:
        first = await here.bot.sent(card(), uuid="u-1")
        other = here.desk.add_app("another")
        here.desk.chats[CHAT].apps.add(other.app_id)
        here.bot.app_id, here.bot.secret = other.app_id, other.secret
        await here.bot.fetch_token()
        assert await here.bot.sent(card(), uuid="u-1") != first


@pytest.mark.parametrize(
    ("kind", "content", "code"),
    [
        ("text", "no json", 230001),
        ("text", "[]", 230001),
        ("text", {"text": ""}, 230001),
        ("text", {"text": "x" * 150 * 1024}, 230025),
        ("interactive", "no json", 230099),
        ("interactive", card({"tag": "markdown", "content": "x" * 30 * 1024}), 230025),
        ("post", {}, 230001),
        ("post", {"zh_cn": {"content": "x"}}, 230001),
        ("post", {"zh_cn": {"content": [[{"tag": "marquee"}]]}}, 230001),
        ("image", {}, 230001),
        ("telegram", {"text": "x"}, 230001),
    ],
)
async def test_contents_that_are_refused(kind: str, content: object, code: int) -> None:
    async with lab() as here:
        assert (await here.bot.send(content, kind)).json()["code"] == code


@pytest.mark.parametrize(("kilobyte", "code"), [(1024, 0), (1000, 230025)])
async def test_a_kilobyte_is_a_knob(kilobyte: int, code: int) -> None:
    async with lab() as here:
        here.desk.turn(kilobyte=kilobyte)
        long = card({"tag": "markdown", "content": "x" * 30_000})
        assert (await here.bot.send(long)).json()["code"] == code


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("post", {"zh_cn": {"title": "t", "content": [[{"tag": "text", "text": "x"}]]}}),
        ("image", {"image_key": "img_v2_x"}),
        ("share_chat", {"chat_id": "oc_x"}),
    ],
)
async def test_contents_that_are_taken(kind: str, content: object) -> None:
    async with lab() as here:
        await here.bot.sent(content, kind)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"receive_id":"oc_x","msg_type":"text","content":{}}', b"\xff"],
)
async def test_bodies_of_another_shape(body: bytes) -> None:
    async with lab() as here:
        path = f"{MESSAGES}?receive_id_type=chat_id"
        answer = await here.bot.call("POST", path, content=body)
        assert (answer.status_code, answer.json()["code"]) == (400, 99992402)


async def test_a_uuid_has_at_most_50_characters() -> None:
    async with lab() as here:
        assert (await here.bot.send(card(), uuid="u" * 50)).json()["code"] == 0
        assert (await here.bot.send(card(), uuid="u" * 51)).json()["code"] == 99992402


async def test_words_that_may_not_be_sent() -> None:
    async with lab() as here:
        here.desk.turn(sensitive_words=["secret"], dlp_words=["1301"])
        message_id = await here.bot.sent(card())
        for word, code in (("a secret", 230022), ("call 13011112222", 230028)):
            assert (await here.bot.send({"text": word}, "text")).json()["code"] == code
            worded = card({"tag": "markdown", "content": word})
            assert (await here.bot.patch(message_id, worded)).json()["code"] == code


async def test_text_mentions_become_placeholders_and_notify_members() -> None:
    async with lab() as here:
        text = '<at user_id="ou_li">Li</at> <at user_id="ou_nobody">X</at> hi'
        answer = await here.bot.send({"text": text}, "text")
        data = answer.json()["data"]
        said = json.loads(data["body"]["content"])["text"]
        assert said == '@_user_1 <at user_id="ou_nobody">X</at> hi'
        assert data["mentions"][0]["id"] == "ou_li"
        stored = here.desk.messages(CHAT)[0]
        assert stored.mentions == [{"id": "ou_li", "name": "李雷"}]


async def test_everybody_is_mentioned_only_where_the_chat_allows_it() -> None:
    async with lab() as here:
        called = {"text": '<at user_id="all">all</at>'}
        await here.bot.sent(called, "text")
        assert here.desk.messages(CHAT)[0].mentions == [{"id": "all", "name": "所有人"}]
        here.desk.chats[CHAT].at_all = False
        assert (await here.bot.send(called, "text")).json()["code"] == 230001


async def test_five_a_second_in_a_chat_are_shared_by_create_and_reply() -> None:
    async with lab() as here:
        message_id = await here.bot.sent(card())
        for _ in range(4):
            assert (await here.bot.reply(message_id, "x")).json()["code"] == 0
        assert (await here.bot.send(card())).json()["code"] == 230020
        refused = await here.bot.reply(message_id, "x")
        assert (refused.status_code, refused.json()["code"]) == (400, 230020)
        assert "x-ogw-ratelimit-reset" not in refused.headers
        assert (await here.bot.send(card(), to="oc_platform_team")).json()["code"] == 0
        here.clock.advance(999)
        assert (await here.bot.send(card())).json()["code"] == 230020
        here.clock.advance(1)
        assert (await here.bot.send(card())).json()["code"] == 0


async def test_fifty_a_second_and_a_thousand_a_minute_for_an_app_and_api() -> None:
    async with lab() as here:
        for second in range(20):
            for _ in range(50):
                assert (await here.bot.call("GET", "/open-apis/bot/v3/info")).status_code == 200
            if not second:
                over = await here.bot.call("GET", "/open-apis/bot/v3/info")
                assert (over.status_code, over.json()["code"]) == (429, 99991400)
                assert over.headers["x-ogw-ratelimit-reset"] == "1"
                other = await here.bot.call("GET", "/open-apis/im/v1/chats")
                assert other.status_code == 200
            here.clock.advance(1_000)
        over = await here.bot.call("GET", "/open-apis/bot/v3/info")
        assert (over.status_code, over.headers["x-ogw-ratelimit-reset"]) == (429, "40")
        assert over.headers["x-ogw-ratelimit-limit"] == "1000"
        here.clock.advance(40_000)
        assert (await here.bot.call("GET", "/open-apis/bot/v3/info")).status_code == 200


async def test_the_months_quota_counts_messages_but_no_contacts() -> None:
    async with lab() as here:
        here.desk.turn(monthly_quota=2)
        people = "/open-apis/contact/v3/users/batch_get_id"
        for _ in range(2):
            await here.bot.sent(card())
            assert (await here.bot.call("POST", people, json={})).json()["code"] == 0
        over = await here.bot.send(card())
        assert (over.status_code, over.json()["code"]) == (429, 99991403)
        here.clock.advance(31 * DAY)
        await here.bot.fetch_token()
        assert (await here.bot.send(card())).json()["code"] == 0


async def test_an_app_without_the_scope_is_told_which_it_needs() -> None:
    async with lab() as here:
        here.team.app.scopes = frozenset({"im:chat"})
        answer = await here.bot.send(card())
        assert answer.json()["code"] == 99991672
        assert "im:message:send_as_bot" in answer.json()["msg"]
        assert (await here.bot.call("GET", "/open-apis/im/v1/chats")).json()["code"] == 0


async def _refused_patch(here: Lab, message_id: str, content: object) -> dict[str, Any]:
    answer = await here.bot.patch(message_id, content)
    assert answer.status_code == 400
    document: dict[str, Any] = answer.json()
    return document


async def test_a_patch_replaces_the_card_and_notifies_nobody() -> None:
    async with lab() as here:
        message_id = await here.bot.sent(card())
        here.clock.advance(5)
        new = card({"tag": "markdown", "content": "<at id=ou_li></at> better"})
        answer = await here.bot.patch(message_id, new)
        assert answer.json() == {"code": 0, "data": {}, "msg": "ok"}
        message = here.desk.tenant.messages[message_id]
        assert message.content == new
        assert (message.updates, message.update_time - message.create_time) == (1, 5)
        assert message.mentions == []


async def test_conditions_of_a_patch() -> None:
    async with lab() as here:
        message_id = await here.bot.sent(card())
        fixed = card() | {"config": {}}
        assert (await _refused_patch(here, message_id, fixed))["code"] == 230001
        first = {"config": {"update_multi": True}, "elements": [{"tag": "hr"}]}
        downgraded = await _refused_patch(here, message_id, first)
        assert "ErrCode: 200830" in downgraded["msg"]
        assert (await _refused_patch(here, "om_nobody", card()))["code"] == 99992354
        text_id = await here.bot.sent({"text": "x"}, "text")
        assert (await _refused_patch(here, text_id, card()))["code"] == 230001
        unshared = await here.bot.sent(fixed)
        assert (await _refused_patch(here, unshared, card()))["code"] == 230001
        assert here.shown(message_id) == card()


async def test_only_the_sender_patches() -> None:
    async with lab() as here:
        message_id = await here.bot.sent(card())
        other = here.desk.add_app("another")
        here.desk.chats[CHAT].apps.add(other.app_id)
        here.bot.app_id, here.bot.secret = other.app_id, other.secret
        await here.bot.fetch_token()
        assert (await _refused_patch(here, message_id, card()))["code"] == 230027


async def test_a_card_can_be_patched_for_14_days() -> None:
    async with lab() as here:
        message_id = await here.bot.sent(card())
        here.clock.advance(14 * DAY)
        await here.bot.fetch_token()
        assert (await here.bot.patch(message_id, card())).json()["code"] == 0
        here.clock.advance(1)
        assert (await _refused_patch(here, message_id, card()))["code"] == 230031


async def test_five_patches_a_second_for_one_message() -> None:
    async with lab() as here:
        first, second = await here.bot.sent(card()), await here.bot.sent(card())
        for _ in range(5):
            assert (await here.bot.patch(first, card())).json()["code"] == 0
        over = await _refused_patch(here, first, card())
        assert over["code"] == 230020
        assert "Update the single messages too frequently" in over["msg"]
        assert (await here.bot.patch(second, card())).json()["code"] == 0
        here.clock.advance(1_000)
        assert (await here.bot.patch(first, card())).json()["code"] == 0


@pytest.mark.parametrize(("how", "code"), [("recalled", 230011), ("deleted", 230110)])
async def test_a_message_that_is_gone(how: str, code: int) -> None:
    async with lab() as here:
        message_id = await here.bot.sent(card())
        here.desk.recall(message_id, how)
        assert (await _refused_patch(here, message_id, card()))["code"] == code
        assert (await here.bot.reply(message_id, "x")).json()["code"] == code


async def test_a_bot_recalls_its_own_message_within_a_day() -> None:
    async with lab() as here:
        message_id, old = await here.bot.sent(card()), await here.bot.sent(card())
        assert (await here.bot.call("DELETE", f"{MESSAGES}/{message_id}")).json()["code"] == 0
        again = await here.bot.call("DELETE", f"{MESSAGES}/{message_id}")
        assert again.json()["code"] == 230011
        here.clock.advance(DAY + 1)
        await here.bot.fetch_token()
        late = await here.bot.call("DELETE", f"{MESSAGES}/{old}")
        assert late.json()["code"] == 230009


async def test_replies_know_their_root_and_parent() -> None:
    async with lab() as here:
        root = await here.bot.sent(card())
        first = (await here.bot.reply(root, "one")).json()["data"]
        second = (await here.bot.reply(first["message_id"], "two")).json()["data"]
        assert (first["root_id"], first["parent_id"]) == (root, root)
        assert (second["root_id"], second["parent_id"]) == (root, first["message_id"])
        assert "thread_id" not in second


async def test_in_a_thread_everything_replies_to_its_root() -> None:
    async with lab() as here:
        root = await here.bot.sent(card())
        first = (await here.bot.reply(root, "one", reply_in_thread=True)).json()["data"]
        second = (await here.bot.reply(first["message_id"], "two")).json()["data"]
        assert first["thread_id"] == second["thread_id"]
        assert (second["root_id"], second["parent_id"]) == (root, root)
        here.desk.chats[CHAT].threads = False
        other = await here.bot.sent(card())
        refused = await here.bot.reply(other, "one", reply_in_thread=True)
        assert refused.json()["code"] == 230071


async def test_reading_a_card_gives_it_whole_only_when_asked() -> None:
    async with lab() as here:
        message_id = await here.bot.sent(
            card(header={"title": {"tag": "plain_text", "content": "Disk"}})
        )
        whole = await here.bot.call(
            "GET", f"{MESSAGES}/{message_id}?card_msg_content_type=user_card_content"
        )
        content = json.loads(whole.json()["data"]["items"][0]["body"]["content"])
        assert content == here.shown(message_id)
        degraded = await here.bot.call("GET", f"{MESSAGES}/{message_id}")
        content = json.loads(degraded.json()["data"]["items"][0]["body"]["content"])
        assert content["title"] == "Disk"
        assert "schema" not in content


async def test_the_oldest_messages_go_when_a_chat_is_full() -> None:
    async with lab() as here:
        here.desk.turn(messages_per_chat=2)
        ids = [await here.bot.sent(card()) for _ in range(3)]
        assert [message.message_id for message in here.desk.messages(CHAT)] == ids[1:]
        assert (await _refused_patch(here, ids[0], card()))["code"] == 99992354


async def test_a_template_is_filled_in_or_refused() -> None:
    async with lab() as here:
        here.desk.tenant.templates["AAq1"] = card({"tag": "markdown", "content": "${what}"})
        data = {"template_id": "AAq1", "template_variable": {"what": "disk"}}
        message_id = await here.bot.sent({"type": "template", "data": data})
        assert here.shown(message_id) == card({"tag": "markdown", "content": "disk"})
        missing = {"type": "template", "data": {"template_id": "AAq2"}}
        assert "ErrCode: 200380" in (await here.bot.send(missing)).json()["msg"]
        wrong = {"type": "template", "data": data | {"template_variable": []}}
        assert "ErrCode: 200732" in (await here.bot.send(wrong)).json()["msg"]
        entity = {"type": "card", "data": {"card_id": "1"}}
        assert "ErrCode: 200740" in (await here.bot.send(entity)).json()["msg"]
