"""What hostile people write into alerts, and what no card may make of it."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from hypothesis import strategies as st

from receiver.domain.custody import Ownership
from receiver.domain.person import Actor
from receiver.domain.silence import GROUP_SCOPE, Silence, SilenceState
from receiver.sandbox.markup import Mention
from receiver.sandbox.validate import validate
from receiver.sandbox.walk import Rules
from tests.channels.views import Tenant

PAYLOADS: Final = (
    "<at id=all></at>",
    "<at user_id='all'></at>",
    "](javascript:alert(1))",
    "[click](https://evil.example)",
    "![x](img_v2_1)",
    "{{ 7 * 7 }}{% for x in y %}",
    "\"'\\`",
    "line\nline\r\n\n# heading\n- item\n1. item\n> quote\n```",
    "| a |\n|---|\n",
    "https://evil.example中文",
    ":OK: :SMILE:",
    "\u202egnp.exe\u2066",
    "a\x00b\x1b[31m",
    "😀👩‍👩‍👧‍👦🇨🇳",
    "~~**__x__**~~",
    "<font color='red'>",
    "&lt;at id=all&gt;&#60;",
    "x" * 100_000,
    "<" * 50_000,
    "字" * 40_000,
    "https://a.example/" + "x" * 1_400,
    "http://user@evil.example/",
)
# The longest ones would make Hypothesis print them; the last test has them.
LONGEST: Final = 2_000
TEXT = st.one_of(st.sampled_from([part[:LONGEST] for part in PAYLOADS]), st.text(max_size=60))
NAMES = st.one_of(
    TEXT, st.sampled_from(["alertname", "severity", "instance", "cluster", "summary"])
)
NOTES = st.one_of(NAMES, st.sampled_from(["runbook_url", "description", "markdown", "panel_url"]))
LABELS = st.dictionaries(NAMES, TEXT, max_size=6)
TIMES = st.integers(-(10**15), 10**16)
ACTORS = st.builds(Actor, open_id=TEXT, name=TEXT)
OWNERS = st.none() | st.builds(Ownership, ACTORS, TIMES)
SILENCES = st.builds(
    Silence,
    id=TEXT,
    state=st.sampled_from(SilenceState),
    scope=TEXT | st.just(GROUP_SCOPE),
    matchers=st.lists(st.tuples(NAMES, TEXT), max_size=2).map(tuple),
    actor=ACTORS,
    comment=TEXT,
    asked_at=TIMES,
    ends_at=TIMES,
    silence_id=TEXT,
    problem=TEXT,
)
COUNTS = st.integers(0, 10**6)
# What we write ourselves; whatever markup is left besides came from outside.
OURS = re.compile(
    r"<local_datetime millisecond='\d+' format_type='(?:date_short|time)'></local_datetime>"
    r"|<font color='(?:grey|red)'>|</font>|<at id=ou_li></at>"
    r"|\[[^\[\]()<>`]*\]\(https?://[^\s()<>\"'`]+\)"
)


def prose(part: object) -> Iterator[str]:
    """Yield every text of every markdown component."""
    if isinstance(part, dict):
        if part.get("tag") == "markdown":
            yield part["content"]
            yield from part.get("i18n_content", {}).values()
        for value in part.values():
            yield from prose(value)
    elif isinstance(part, list):
        for item in part:
            yield from prose(item)


def check(text: str, most: int) -> None:
    assert len(text.encode()) <= most
    message: dict[str, Any] = json.loads(text)
    if message["msg_type"] == "text":
        left = message["content"]["text"].replace('<at user_id="ou_li"></at>', "")
        assert "<" not in left
        return
    drawn = validate(message["content"], Tenant("ou_li"), Rules())
    assert set(drawn.mentions) <= {Mention("id", "ou_li")}
    for shown in prose(message["content"]):
        assert not set("<[`\\|") & set(OURS.sub("", shown))
