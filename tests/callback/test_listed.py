"""Each source is asked at once and not for long; what a list says of it fits a card."""

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.callback.answers import SILENCES_MOST, silences_answer, why_answer
from receiver.callback.listed import SLOW, Source, ask_all
from receiver.channels.feishu.answer_card import is_whole
from receiver.domain.listing import Standing
from receiver.domain.truth import SeenSilence, Unanswered
from receiver.phrases.story import Muting, Now, Owner, Shown
from receiver.store.base import Entry
from tests.domain.made import NOW
from tests.domain.truths import silence

HOSTILE = ["<at id=all></at>" * 15, "中文" * 100, "*~`[]()" * 30, 'x"\\' * 70]
TEXTS = st.sampled_from([*HOSTILE, "", "db-1"])


@dataclass
class Fake:
    """A source that answers, refuses, breaks, or never says anything."""

    says: tuple[SeenSilence, ...] | Unanswered | None = None
    breaks: bool = False
    left: list[str] = field(default_factory=list)

    async def every_silence(self, now: int) -> tuple[SeenSilence, ...] | Unanswered:
        """Return what it was made with."""
        assert now == NOW
        if self.breaks:
            raise ValueError("our own fault")
        if self.says is None:
            try:
                await asyncio.Event().wait()
            finally:
                self.left.append("cancelled")
        assert self.says is not None
        return self.says


async def test_one_that_is_slow_or_fails_hides_no_other() -> None:
    slow, known = Fake(), (silence("s1"),)
    refused = Unanswered("no")
    sources: dict[str, Source] = {
        "good": Fake(known),
        "slow": slow,
        "broken": Fake(breaks=True),
        "refuses": Fake(refused),
    }
    told = await ask_all(sources, NOW, patience=0.05)
    assert told["good"] == known
    assert told["slow"] == Unanswered(SLOW)
    assert told["broken"] == Unanswered("ValueError")
    assert told["refuses"] == refused
    assert slow.left == ["cancelled"]
    assert await ask_all({}, NOW) == {}


@given(
    st.lists(
        st.builds(
            Standing,
            source=st.just("a" * 63),
            id=TEXTS,
            matchers=TEXTS,
            who=TEXTS,
            comment=TEXTS,
            ends_at=st.just(NOW),
            ours=st.booleans(),
            begins_at=st.sampled_from([0, NOW]),
        ),
        min_size=SILENCES_MOST,
        max_size=SILENCES_MOST + 2,
    ),
    st.integers(1, 9999),
    st.dictionaries(st.sampled_from(["prod", "test"]), TEXTS),
)
@settings(max_examples=30)
def test_a_page_of_anything_fits_a_card(
    found: list[Standing], page: int, unanswered: dict[str, str]
) -> None:
    answer = silences_answer(found, page, unanswered)
    assert is_whole(answer)


@given(TEXTS, TEXTS, TEXTS)
@settings(max_examples=30)
def test_an_incident_of_anything_fits_a_card(title: str, detail: str, who: str) -> None:
    now = Now(
        1,
        title,
        "firing",
        1,
        1,
        NOW,
        stale_since=NOW,
        owners=(Owner(who, NOW),) * 9,
        silences=(Muting("active", who, NOW, detail, detail, detail),) * 9,
        cards=(Shown(detail, "open", 2, 1, detail),) * 9,
    )
    answer = why_answer(now, [Entry(NOW, "note", detail, who, "")] * 40)
    assert is_whole(answer)
