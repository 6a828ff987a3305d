"""A group bot's keyword is in everything that it says."""

import json

from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.feishu.hook import with_keyword

CARD = {
    "msg_type": "interactive",
    "content": {"body": {"elements": [{"tag": "div", "text": {"content": "恢复"}}]}},
}
TEXT = {"msg_type": "text", "content": {"text": "恢复"}}


@given(st.text(min_size=1, max_size=20))
def test_the_keyword_is_said_once_in_cards_and_texts(keyword: str) -> None:
    for message in (CARD, TEXT):
        once = with_keyword(json.dumps(message, ensure_ascii=False), keyword)
        assert any(keyword in text for text in _texts(json.loads(once)["content"]))
        assert with_keyword(once, keyword) == once


def test_a_message_that_says_it_already_stays_as_it_is() -> None:
    said = json.dumps(TEXT, ensure_ascii=False)
    assert with_keyword(said, "恢复") == said
    assert with_keyword(said, "") == said


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [str(value)]
