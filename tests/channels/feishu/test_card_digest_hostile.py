"""Whatever a storm is made of, its card is valid, harmless and fits, and its counts are exact."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.channels.base import View
from receiver.channels.feishu.card import render_app, render_bot, render_reply
from receiver.channels.feishu.digest_glance import look
from receiver.channels.feishu.digest_list import called_over
from receiver.channels.feishu.size import APP_BYTES, BOT_BYTES, weight
from receiver.domain.card import (
    Card,
    Rung,
)
from receiver.domain.digest import Gathered, make
from receiver.domain.incident import Incident, Kind
from receiver.domain.reason import CardReason, State
from tests.channels.feishu.hostile import (
    COUNTS,
    LABELS,
    OWNERS,
    PAYLOADS,
    SILENCES,
    TEXT,
    TIMES,
    check,
)
from tests.channels.feishu.reading import card_of, texts
from tests.channels.feishu.storms import many, one, storm

GATHERED = st.builds(
    Gathered,
    incident=st.integers(1, 2**53),
    kind=st.sampled_from([Kind.ALERTS, Kind.AGENT, Kind.MESSAGE]),
    source=TEXT | st.just("prod"),
    title=TEXT,
    rank=st.integers(-1, 9),
    state=st.sampled_from(State),
    firing=COUNTS,
    since=TIMES,
    labels=LABELS,
    url=TEXT,
)
STORMS = st.lists(GATHERED, max_size=12, unique_by=lambda each: each.incident) | st.builds(
    lambda whole, each: [each._replace(incident=number) for number in range(whole)],
    st.integers(0, 400),
    GATHERED,
)


@st.composite
def views(draw: st.DrawFn) -> View:
    incident = Incident(
        id=draw(st.integers(0, 2**53)),
        source="receiver",
        receiver="",
        group_key="digest:ops:oc_1",
        kind=Kind.DIGEST,
        title="",
        group_labels={},
        opened_at=draw(TIMES),
        closed_at=draw(st.none() | TIMES),
        revision=draw(st.integers(0, 2**53)),
        ack=draw(OWNERS),
        silences=tuple(draw(st.lists(SILENCES, max_size=4))),
        links=tuple(draw(st.lists(st.tuples(TEXT | st.just("prod"), TEXT), max_size=4))),
    )
    card = Card(id=7, incident=12, target="ops:oc_1", moved_from=draw(TEXT))
    return View(
        incident=incident,
        members=(),
        card=card,
        now=draw(TIMES),
        reason=draw(st.sampled_from(CardReason)),
        people=tuple(draw(st.lists(TEXT | st.just("ou_li"), max_size=3))),
        source_url=draw(TEXT),
        console_url=draw(TEXT),
        digest=make(draw(STORMS), late=draw(st.booleans())),
    )


@given(views(), st.sampled_from(Rung))
@settings(max_examples=150, deadline=None)
def test_whatever_a_storm_is_made_of_its_card_is_valid_and_harmless(
    shown: View, rung: Rung
) -> None:
    check(render_app(shown, rung), APP_BYTES)
    check(render_bot(shown, rung), BOT_BYTES)
    # Inside a text the quotes are escaped: only a real mention has these signs.
    assert '"tag":"at"' not in render_reply(replace(shown, people=()))


@given(views())
@settings(max_examples=80, deadline=None)
def test_the_counts_that_are_shown_are_exact(shown: View) -> None:
    assert shown.digest is not None
    gathered = shown.digest.gathered
    states = Counter(each.state for each in gathered)
    text = texts(card_of(render_bot(replace(shown, people=()), Rung.MINIMAL)))
    firing = sum(states[each] for each in (State.FIRING, State.ACKNOWLEDGED, State.SUPPRESSED))
    for count, words in (
        (firing, "firing"),
        (states[State.ACKNOWLEDGED], "acknowledged"),
        (states[State.SUPPRESSED], "silenced"),
        (states[State.RESOLVED], "resolved"),
    ):
        assert (f"{count} {words}" in text) == bool(count)
    glance = look(shown, shown.digest)
    over = glance.closed or states[State.RESOLVED] == len(gathered)
    counted = len(gathered) if over else len(gathered) - states[State.RESOLVED]
    assert sum(count for _, count in glance.severities) == counted
    assert not glance.values or sum(count for _, count in glance.values) == counted


@given(views(), st.integers(0, 3_000))
@settings(max_examples=80, deadline=None)
def test_the_list_stays_in_its_room_and_knows_whom_it_names(shown: View, room: int) -> None:
    assert shown.digest is not None
    glance = look(shown, shown.digest)
    roll = called_over(shown, glance, glance.gathered, room)
    assert weight("\n".join(roll.lines)) <= room
    assert (roll.named == 0) == (not roll.lines)
    whole = called_over(shown, glance, glance.gathered, 10**7)
    assert whole.named == glance.total >= roll.named


@pytest.mark.parametrize("rung", Rung)
@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_everywhere_at_once(payload: str, rung: Rung) -> None:
    labels = {"alertname": payload[:200], "severity": payload[:200], payload[:200]: payload[:200]}
    alerts = [
        one(number, title=payload, source=payload, labels={**labels, "n": str(number)}, url=payload)
        for number in range(1, 60)
    ]
    shown = replace(
        storm([*alerts, *many(20)], links=((payload, payload),)),
        people=(payload, "ou_li"),
        source_url=payload,
    )
    check(render_app(shown, rung), APP_BYTES)
    check(render_bot(shown, rung), BOT_BYTES)
