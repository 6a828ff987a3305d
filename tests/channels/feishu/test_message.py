"""What people said: texts and posts, without the bot's own mention; hostile events."""

import json
from contextlib import suppress
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.feishu.content import UNREADABLE
from receiver.channels.feishu.message import Message, read_message, text_of

BOT = "ou_bot"
LI = {"open_id": "ou_li"}
KEYS = st.sampled_from(["content", "title", "text", "tag", "user_id", "x"])


def event(kind: str, content: object, **more: Any) -> msgspec.Raw:
    message = {
        "message_id": "om_1",
        "chat_id": "oc_1",
        "chat_type": "group",
        "message_type": kind,
        "content": json.dumps(content, ensure_ascii=False),
        "mentions": [
            {"key": "@_user_1", "id": {"open_id": BOT}, "name": "助手", "mentioned_type": "bot"},
            {"key": "@_user_12", "id": LI, "name": "李雷", "mentioned_type": "user"},
        ],
        **more,
    }
    sender = {"sender_id": {"open_id": "ou_han", "union_id": "on_han"}, "sender_type": "user"}
    return msgspec.Raw(json.dumps({"sender": sender, "message": message}).encode())


def test_a_text_loses_the_call_of_the_bot_and_names_others() -> None:
    said = read_message(event("text", {"text": "@_user_1 ack @_user_12 @_all"}))
    assert said.without(BOT) == "ack @李雷 @_all"
    assert said.calls(BOT)
    assert said.matters
    assert (said.open_id, said.union_id, said.private) == ("ou_han", "on_han", False)


def test_a_post_is_its_lines() -> None:
    post = {
        "title": "",
        "content": [
            [{"tag": "at", "user_id": "@_user_1"}, {"tag": "text", "text": " silence a=b 2h"}],
            [{"tag": "a", "text": "why", "href": "http://x"}, {"tag": "img", "image_key": "k"}],
        ],
    }
    assert read_message(event("post", post)).without(BOT) == "silence a=b 2h\nwhy"


def test_a_thread_is_root_then_parent() -> None:
    said = read_message(event("text", {"text": "x"}, root_id="om_r", parent_id="om_p"))
    assert said.thread == ("om_r", "om_p")


def test_what_bots_say_and_what_calls_nobody_is_not_ours() -> None:
    assert not read_message(event("text", {"text": "x"}, mentions=None)).matters
    assert read_message(event("text", {"text": "x"}, mentions=None, chat_type="p2p")).matters
    robot = msgspec.structs.replace(read_message(event("text", {"text": "x"})), human=False)
    assert not robot.matters


def test_pictures_say_nothing() -> None:
    assert read_message(event("image", {"image_key": "k"})).text == ""


@given(st.sampled_from(["text", "post", "image", ""]), st.text(max_size=80))
def test_any_content_is_a_text(kind: str, content: str) -> None:
    assert isinstance(text_of(kind, content), str)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_any_post_is_a_text(content: object) -> None:
    assert isinstance(text_of("post", json.dumps(content)), str)


@given(st.binary(max_size=100))
def test_any_event_is_read_or_refused(raw: bytes) -> None:
    with suppress(*UNREADABLE):
        assert isinstance(read_message(msgspec.Raw(raw)), Message)


def test_who_has_no_id_is_not_the_bot() -> None:
    """Calls of everybody, and of people of other tenants, carry none; we may not know our own."""
    calls = [{"key": "@_all", "name": "所有人"}, {"key": "@_user_1", "id": {}, "name": "韩梅梅"}]
    said = read_message(event("text", {"text": "@_all @_user_1 hi"}, mentions=calls))
    assert not said.calls("")
    assert said.without("") == "@所有人 @韩梅梅 hi"


def test_it_is_known_when_it_was_written() -> None:
    assert read_message(event("text", {}, create_time="1609073151345")).created_at == 1609073151345
    for wrong in (None, "", "soon", "-1", "9" * 30, 10**20):
        assert read_message(event("text", {}, create_time=wrong)).created_at == 0
