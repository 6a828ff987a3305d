"""docs/agents.md describes the message as the code reads it."""

import json
import re
from typing import Any, get_args

import msgspec
import pytest

from receiver.domain.reason import BodyReason
from receiver.ingest.agents import (
    ID_LIMIT,
    LINKS_MOST,
    MESSAGE_LIMIT,
    TEXT_LIMIT,
    Message,
    read_message,
)
from tests.docs.pages import blocks, page, spans, table

GUIDE = page("docs/agents.md")
ROWS = {row[0].strip("`"): row[1:] for row in table(GUIDE, "field")}
FIELDS = {field.name: field for field in msgspec.structs.fields(Message)}
MIB = 1 << 20


def choices(kind: Any) -> set[str]:
    """Return the texts among which a field's type lets choose."""
    found = get_args(kind)
    return {each for each in found if isinstance(each, str)} | {
        deep for each in found for deep in choices(each)
    }


def test_the_guide_and_the_code_know_the_same_fields() -> None:
    assert list(ROWS) == list(dict.fromkeys(["id", "title", "text", "markdown", *ROWS]))
    assert set(ROWS) == set(FIELDS)


@pytest.mark.parametrize("name", ROWS)
def test_a_field_has_the_default_that_the_guide_says(name: str) -> None:
    field, told = FIELDS[name], ROWS[name][0]
    assert (told == "required") == field.required
    if told.startswith("`"):
        assert field.default == told.strip("`")
    elif told == "none":
        empty = field.default if field.default_factory is msgspec.NODEFAULT else None
        assert not empty


@pytest.mark.parametrize("name", ["type", "state"])
def test_a_choice_names_everything_that_can_be_chosen(name: str) -> None:
    assert choices(FIELDS[name].type) <= set(spans(ROWS[name][1]))


def test_the_limits_are_the_programs() -> None:
    assert f"at most {ID_LIMIT} characters" in ROWS["id"][1]
    assert f"up to {LINKS_MOST} " in ROWS["links"][1]
    assert f"at most {TEXT_LIMIT:,} characters" in GUIDE
    assert f"more than {MESSAGE_LIMIT // MIB} MiB" in GUIDE


def test_the_example_is_read() -> None:
    (block,) = blocks(GUIDE)
    found = re.search(r"-d '(\{.+?\})'\n(\{.+\})\n", block.text, re.DOTALL)
    assert found
    message = read_message(found[1].encode(), {"content-type": "application/json"})
    assert message.state == "firing"
    assert set(json.loads(found[1])) <= set(ROWS)
    answer = json.loads(found[2])
    assert BodyReason(answer["reason"]) is BodyReason.FIRST
