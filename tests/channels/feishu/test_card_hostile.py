"""No text from outside breaks a card, mentions people, or draws what we did not mean."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.channels.base import View
from receiver.channels.feishu.card import render_app, render_bot, render_reply
from receiver.channels.feishu.size import APP_BYTES, BOT_BYTES
from receiver.channels.templates import Templates
from receiver.domain.card import (
    Card,
    Marks,
    Rung,
    picture,
)
from receiver.domain.incident import Incident, Kind, Member
from receiver.domain.reason import CardReason
from receiver.domain.request import Request
from receiver.domain.silence import GROUP_SCOPE
from tests.channels.feishu.hostile import (
    COUNTS,
    LABELS,
    NOTES,
    OWNERS,
    PAYLOADS,
    SILENCES,
    TEXT,
    TIMES,
    check,
)
from tests.channels.views import CARD, member, view

MEMBERS = st.builds(
    Member,
    fingerprint=TEXT | st.just(GROUP_SCOPE),
    firing=st.booleans(),
    episode=st.integers(1, 3),
    since=TIMES,
    until=st.none() | TIMES,
    rank=st.integers(-1, 9),
    labels=LABELS,
    annotations=st.dictionaries(NOTES, TEXT, max_size=6),
    url=TEXT,
)
REQUESTS = st.builds(
    Request,
    id=st.just("a1"),
    silences=st.lists(SILENCES, min_size=1, max_size=2).map(tuple),
    source=TEXT,
    at=TIMES,
    until=TIMES,
    muting=COUNTS,
)
INCIDENTS = st.builds(
    Incident,
    id=st.integers(0, 2**53),
    source=TEXT,
    receiver=TEXT,
    group_key=TEXT,
    kind=st.sampled_from(Kind),
    title=TEXT,
    group_labels=LABELS,
    opened_at=TIMES,
    closed_at=st.none() | TIMES,
    rank=st.integers(-1, 9),
    truncated=COUNTS,
    joined=COUNTS,
    reopened=COUNTS,
    reopenings=st.lists(TIMES, max_size=8).map(tuple),
    flapping=COUNTS,
    ack=OWNERS,
    handled=OWNERS,
    silences=st.lists(SILENCES, max_size=5).map(tuple),
    links=st.lists(st.tuples(TEXT, TEXT), max_size=10).map(tuple),
    external_url=TEXT,
    plain=st.booleans(),
    requests=st.lists(REQUESTS, max_size=2).map(tuple),
)


@st.composite
def views(draw: st.DrawFn) -> View:
    incident, members = draw(INCIDENTS), draw(st.lists(MEMBERS, max_size=8))
    last = picture(incident, members) if draw(st.booleans()) else None
    card = Card(
        id=7,
        incident=12,
        target="ops:oc_1",
        last=last,
        marks=Marks(draw(COUNTS)),
        moved_from=draw(TEXT),
        quiet=draw(st.booleans()),
    )
    return View(
        incident=incident,
        members=members,
        card=card,
        now=draw(TIMES),
        reason=draw(st.sampled_from(CardReason)),
        people=tuple(draw(st.lists(TEXT | st.just("ou_li"), max_size=3))),
        source_url=draw(TEXT),
        console_url=draw(TEXT),
    )


@given(views(), st.sampled_from(Rung))
@settings(max_examples=150, deadline=None)
def test_whatever_was_told_the_card_is_valid_and_harmless(shown: View, rung: Rung) -> None:
    check(render_app(shown, rung), APP_BYTES)
    check(render_bot(shown, rung), BOT_BYTES)


@given(views())
@settings(max_examples=60, deadline=None)
def test_whatever_was_told_the_reply_calls_only_whom_it_should(shown: View) -> None:
    post = json.loads(render_reply(shown))
    assert set(post["content"]) == {"zh_cn", "en_us"}
    parts = [part for said in post["content"].values() for row in said["content"] for part in row]
    assert {part["user_id"] for part in parts if part["tag"] == "at"} <= {"ou_li"}
    assert not any("<" in part["text"] for part in parts if part["tag"] == "text")


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("rung", Rung)
def test_a_payload_everywhere_at_once(payload: str, rung: Rung) -> None:
    labels = {"alertname": payload, "severity": payload, "instance": payload, payload: payload}
    notes = {"summary": payload, "description": payload, "runbook_url": payload, payload: payload}
    alerts = [
        member(number)._replace(labels={**labels, "n": str(number)}, annotations=notes, url=payload)
        for number in range(1, 40)
    ]
    shown = view(
        alerts,
        title=payload,
        source=payload,
        receiver=payload,
        group_labels=labels,
        links=((payload, payload),),
    )
    templates = Templates(title="{{ labels.alertname }}", text="{{ annotations.description }}")
    templated = View(
        incident=shown.incident,
        members=alerts,
        card=CARD,
        now=shown.now,
        reason=shown.reason,
        people=(payload, "ou_li"),
        templates=templates,
    )
    for each in (shown.incident, shown.incident._replace(kind=Kind.AGENT)):
        drawn = View(
            incident=each, members=alerts, card=CARD, now=0, reason=CardReason.FIRST, people=()
        )
        check(render_app(drawn, rung), APP_BYTES)
        check(render_bot(drawn, rung), BOT_BYTES)
    check(render_app(templated, rung), APP_BYTES)
