"""Every line of a timeline has plain words in both languages, and any incident can be told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.action import ActionKind
from receiver.domain.card import CardState
from receiver.domain.escalated import CallState, Via
from receiver.domain.reason import BodyReason, CardReason, NotifyReason, State, TruthReason
from receiver.domain.silence import SilenceState
from receiver.phrases.story import (
    Event,
    Muting,
    Now,
    Owner,
    Shown,
    event_line,
    now_lines,
    now_of,
    words,
)
from tests.domain.made import NOW, alert, notice, world

WRITTEN = (
    *("approval_requested", "approved", "declined", "withdrawn", "approval_lapsed", "click"),
    *("refused", "silence_requested", "silence_previewed", "silence_cancelled", "replayed"),
    *("silence_extend_requested", "silence_extended", "silence_unextended", "silence_released"),
    *("unsilence_requested", "acknowledgement_lapsed", "reminded", "possible_duplicate"),
    *("dead_lettered", "digest", "digested", "digest_closed", "started", "config_reload"),
)
KINDS = (
    *BodyReason,
    *ActionKind,
    *WRITTEN,
    *(f"card_{reason}" for reason in CardReason),
    *(f"called_{reason}" for reason in NotifyReason),
    *(f"truth_{reason}" for reason in TruthReason),
    *(f"silence_{state}" for state in SilenceState),
    *(f"escalation_{via}" for via in Via),
    *(f"escalation_{via}_{state}" for via in Via for state in CallState),
)


@pytest.mark.parametrize("kind", [str(kind) for kind in KINDS])
def test_every_kind_has_words_of_its_own_in_both_languages(kind: str) -> None:
    said = words(kind)
    assert any("\u4e00" <= sign <= "\u9fff" for sign in said.zh_cn)
    assert not any("\u4e00" <= sign <= "\u9fff" for sign in said.en_us)
    assert "_" not in said.zh_cn + said.en_us


@given(st.text(max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_any_line_is_told(kind: str, detail: str, actor: str) -> None:
    at, said = event_line(Event(NOW, kind, detail, actor))
    assert at == NOW
    assert not isinstance(said, int)
    assert all(detail in text and actor in text for text in said)


NOWS = st.builds(
    Now,
    id=st.integers(1, 99),
    title=st.text(max_size=9),
    state=st.sampled_from([*State]),
    firing=st.integers(0, 9),
    alerts=st.integers(0, 9),
    opened_at=st.just(NOW),
    closed_at=st.sampled_from([None, NOW]),
    stale_since=st.sampled_from([0, NOW]),
    owners=st.lists(st.builds(Owner, st.text(), st.just(NOW)), max_size=7).map(tuple),
    silences=st.lists(
        st.builds(Muting, st.sampled_from([*SilenceState, "over", "?"]), st.text(), st.just(NOW)),
        max_size=7,
    ).map(tuple),
    cards=st.lists(
        st.builds(
            Shown, st.text(), st.sampled_from([*CardState]), st.integers(0, 3), st.integers(0, 3)
        ),
        max_size=7,
    ).map(tuple),
)


@given(NOWS)
def test_what_is_known_is_told_within_bounds(now: Now) -> None:
    lines = now_lines(now, [Event(NOW, "card_first", "x:y")], most=5)
    parts = (len(now.owners), len(now.silences), len(now.cards))
    assert len(lines) == 1 + bool(now.stale_since) + sum(min(part, 6) for part in parts)


def test_where_an_incident_stands_and_what_its_card_last_did() -> None:
    made = world(notice(alert("n1"), alert("n2", firing=False)))
    now = now_of(made.known, tuple(made.members.values()), ())
    assert (now.state, now.firing, now.closed_at) == ("firing", 1, None)
    card = Shown("ops:oc_1", "open", 2, 2)
    events = [
        Event(NOW, "card_first", "ops:oc_1"),
        Event(NOW + 1, "called_repeat", "ops:oc_1"),
        Event(NOW + 2, "card_first", "ops:oc_11"),
    ]
    ((head, last, at),) = now_lines(Now(1, "t", "firing", 1, 1, NOW, cards=(card,)), events)[1:]
    assert not isinstance(head, int)
    assert not isinstance(last, int)
    assert head.en_us == "Card ops:oc_1: up to date"
    assert last.en_us == "; last: a reply called people: Alertmanager repeated itself, "
    assert at == NOW + 1
