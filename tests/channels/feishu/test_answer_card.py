"""Answers to commands are cards that the platform takes, whatever they have to say."""

import json

from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.feishu.answer_card import LADDER, Answer, render_answer
from receiver.channels.feishu.size import APP_BYTES, fits
from receiver.phrases import Said

HOSTILE = "<at id=all></at>" * 40
TEXTS = st.one_of(
    st.text(max_size=400), st.sampled_from([HOSTILE, "*" * 400, "告" * 400, "\n" * 9])
)
SAYINGS = st.builds(Said, TEXTS, TEXTS)
PIECES = st.one_of(SAYINGS, st.integers(0, 2**53))
LINES = st.lists(PIECES, max_size=8).map(tuple)


@given(st.builds(Answer, SAYINGS, st.lists(LINES, max_size=60).map(tuple)))
def test_whatever_is_said_it_fits_and_mentions_nobody(answer: Answer) -> None:
    drawn = render_answer(answer)
    assert fits(drawn.encode(), APP_BYTES)
    assert "<at" not in json.dumps(json.loads(drawn)["content"]["body"])  # the title is plain text


def test_the_longest_is_cut_and_says_so() -> None:
    said = Said(HOSTILE, HOSTILE)
    drawn = json.loads(render_answer(Answer(said, ((said,) * 8,) * 60)))
    (body,) = drawn["content"]["body"]["elements"]
    lines = (
        body["i18n_content"]["zh_cn"].splitlines()
        if "i18n_content" in body
        else body["content"].splitlines()
    )
    assert len(lines) <= LADDER[0][0] + 1
    assert lines[-1] == "…"
