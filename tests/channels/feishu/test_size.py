"""A document is measured as it goes over the wire."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.feishu.size import ELEMENTS_MOST, elements, fits, written

DOCUMENTS = st.dictionaries(
    st.sampled_from(["tag", "content", '"tag":']),
    st.recursive(
        st.text(alphabet='"tag":\\{') | st.integers(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["tag", "x", '"tag":']), inner)
        ),
    ),
)


def counted(part: Any) -> int:
    if isinstance(part, dict):
        return ("tag" in part) + sum(map(counted, part.values()))
    return sum(map(counted, part)) if isinstance(part, list) else 0


@given(DOCUMENTS)
def test_every_object_with_a_tag_counts_and_nothing_else(document: dict[str, Any]) -> None:
    assert elements(written(document)) == counted(document)
    assert json.loads(written(document)) == document


def test_both_limits_hold() -> None:
    full = written({"elements": [{"tag": "hr"}] * ELEMENTS_MOST})
    assert fits(full, len(full))
    assert not fits(full, len(full) - 1)
    assert not fits(written({"elements": [{"tag": "hr"}] * (ELEMENTS_MOST + 1)}), 27_000)


def test_chinese_is_three_bytes_and_not_six() -> None:
    assert written({"a": "字"}) == '{"a":"字"}'.encode()
