"""What to do with a card, decided at the moment of sending."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.card import (
    AFTER_CLICK,
    CREATE_HORIZON,
    GENERATION_AGE,
    SETTLE_AGAIN,
    UNSEEN_GRACE,
    Ability,
    Attempt,
    Card,
    CardState,
    Marks,
    Rung,
    Shown,
    create_uuid_text,
    picture,
    post_uuid_text,
    replaced,
    reply_uuid_text,
)
from receiver.domain.incident import Kind
from receiver.domain.reason import CardReason, NotifyReason, State
from receiver.domain.silence import SilenceState
from receiver.domain.step import (
    POSTED,
    Create,
    Patch,
    Post,
    Replace,
    Reply,
    Settle,
    Step,
    Wait,
    next_step,
    why_call,
    why_edit,
)
from tests.domain.made import (
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    TARGET,
    World,
    alert,
    notice,
    shown,
    world,
)

N1, N2 = alert("n1"), alert("n2")
CRITICAL = alert("n3", severity="critical")
GONE1 = alert("n1", firing=False)
ALL = tuple(NotifyReason)


def fresh(**more: object) -> Card:
    """Make a card that nothing has happened to yet."""
    return replace(Card(id=7, incident=1, target=TARGET, notify=ALL), **more)  # type: ignore[arg-type]


def showing(made: World, **more: object) -> Card:
    """Make a card that shows all of this."""
    seen = picture(made.known, tuple(made.members.values()))
    revision = made.known.revision
    return fresh(
        **{
            "shown": revision,
            "wanted": revision,
            "called": revision,
            "last": seen,
            "marks": seen.marks,
            "message_id": "om_1",
            "sent_at": made.now,
            "tried": True,
            **more,
        }
    )


def step(card: Card, made: World, after: int = 0, ability: Ability = Ability.EDITS) -> Step:
    """Decide so many ms later."""
    card = replace(card, wanted=max(card.wanted, made.known.revision))
    return next_step(card, made.known, tuple(made.members.values()), ability, made.now + after)


def test_a_new_incident_is_shown_first() -> None:
    assert step(fresh(), world(notice(N1))) == Create(CardReason.FIRST)


def test_a_message_is_shown_as_one() -> None:
    made = world(notice(N1)._replace(kind=Kind.MESSAGE))
    assert step(fresh(), made) == Create(CardReason.MESSAGE)
    assert step(fresh(rung=Rung.TEXT), made) == Post(CardReason.MESSAGE)


def test_one_that_came_and_went_unseen_is_left_so() -> None:
    made = world(notice(N1))
    made.hear(notice(GONE1), UNSEEN_GRACE - 1)
    assert step(fresh(), made) == Settle(CardReason.NEVER_SHOWN)
    assert step(fresh(), made, ability=Ability.POSTS_ONLY) == Settle(CardReason.NEVER_SHOWN)
    assert step(fresh(wanted=2, shown=2), made) == Wait(None)


def test_but_not_one_that_was_tried_or_critical_or_lasted() -> None:
    made = world(notice(N1))
    made.hear(notice(GONE1), UNSEEN_GRACE - 1)
    assert step(fresh(tried=True), made) == Create(CardReason.LATE)
    worst = world(notice(CRITICAL))
    worst.hear(notice(CRITICAL._replace(firing=False)), 1)
    assert step(fresh(), worst) == Create(CardReason.LATE)
    lasted = world(notice(N1))
    lasted.hear(notice(GONE1), UNSEEN_GRACE)
    assert step(fresh(), lasted) == Create(CardReason.LATE)


def test_a_create_of_unknown_outcome_is_tried_until_the_platform_forgets_it() -> None:
    made = world(notice(N1))
    seen = picture(made.known, tuple(made.members.values()))
    tried = Attempt("u", "c", 1, made.now, seen, ambiguous=True)
    card = fresh(attempt=tried, tried=True)
    assert step(card, made, CREATE_HORIZON - 1) == Create(CardReason.FIRST)
    replacing = Replace(CardReason.REPLACED, duplicate=True)
    assert step(card, made, CREATE_HORIZON) == replacing
    sure = replace(card, attempt=tried._replace(ambiguous=False))
    assert step(sure, made, 2 * HOUR) == Create(CardReason.FIRST)


def test_a_card_that_shows_everything_waits() -> None:
    made = world(notice(N1))
    assert step(showing(made), made, HOUR) == Wait(None)


def test_what_is_new_is_patched() -> None:
    made = world(notice(N1, N2))
    card = showing(made)
    made.hear(notice(GONE1, N2))
    assert step(card, made) == Patch(CardReason.SOME_RESOLVED)


def test_a_revision_that_shows_nothing_new_is_settled() -> None:
    made = world(notice(N1))
    card = showing(made, wanted=9)
    assert step(card, made) == Settle(CardReason.UNCHANGED)


def test_an_edit_of_unknown_outcome_is_made_again_changed_or_not() -> None:
    made = world(notice(N1))
    card = showing(made, settle_at=made.now + SETTLE_AGAIN)
    assert step(card, made, SETTLE_AGAIN - 1) == Wait(made.now + SETTLE_AGAIN)
    assert step(card, made, SETTLE_AGAIN) == Patch(CardReason.SETTLED_AGAIN)


def test_edits_wait_while_a_click_is_answered() -> None:
    made = world(notice(N1))
    card = showing(made, clicked_at=made.now, wanted=2)
    made.hear(notice(N1, N2))
    assert step(card, made, AFTER_CLICK - 1) == Wait(made.now + AFTER_CLICK)
    assert step(card, made, AFTER_CLICK) == Patch(CardReason.NEW_ALERTS)


def test_a_card_too_old_to_edit_is_replaced_while_its_incident_is_open() -> None:
    made = world(notice(N1))
    card = showing(made)
    assert step(card, made, GENERATION_AGE - 1) == Wait(None)
    assert step(card, made, GENERATION_AGE) == Replace(CardReason.REPLACED)  # its buttons die soon
    made.hear(notice(N1, N2))
    assert step(card, made, GENERATION_AGE) == Replace(CardReason.REPLACED)
    new = replaced(card, made.now)
    assert (new.generation, new.message_id, new.shown, new.last) == (2, "", 0, card.last)
    assert step(new, made) == Create(CardReason.REPLACED)


def test_people_are_called_after_the_card_is_shown() -> None:
    made = world(notice(N1))
    card = showing(made)
    made.hear(notice(N1, N2))
    patched = showing(made, marks=card.marks)
    assert step(card, made) == Patch(CardReason.NEW_ALERTS)
    assert step(patched, made) == Reply(CardReason.NEW_ALERTS)
    assert step(replace(patched, notify=()), made) == Wait(None)


def test_a_text_cannot_be_edited() -> None:
    made = world(notice(N1))
    card = showing(made, rung=Rung.TEXT)
    made.hear(notice(N1, N2))
    assert step(card, made) == Post(CardReason.NEW_ALERTS)


def test_a_text_in_the_place_of_a_card_is_always_sent() -> None:
    made = world(notice(N1, N2))
    card = showing(made)
    made.hear(notice(GONE1, N2))
    text = replace(replaced(card, made.now), rung=Rung.TEXT)
    assert step(text, made) == Post(CardReason.REPLACED)


def test_a_dead_letter_waits_for_a_change() -> None:
    made = world(notice(N1))
    assert step(fresh(state=CardState.DEAD), made) == Wait(None)


@pytest.mark.parametrize("reason", CardReason)
def test_a_target_that_cannot_edit_is_posted_to_only_for_what_matters(reason: CardReason) -> None:
    quiet = {CardReason.SOME_RESOLVED, CardReason.ACKNOWLEDGED, CardReason.REPEAT}
    assert not quiet & POSTED
    made = world(notice(N1))
    card = showing(made, message_id="")
    last = shown(State.RESOLVED) if reason is CardReason.REOPENED else card.last
    made.hear(notice(N1, repeat=True), 5 * MINUTE)
    assert step(replace(card, last=last), made, ability=Ability.POSTS_ONLY) == Settle(
        CardReason.NO_EDIT
    )


def test_such_a_target_is_told_of_the_end() -> None:
    made = world(notice(N1))
    card = showing(made, message_id="")
    made.hear(notice(GONE1), MINUTE)
    assert step(card, made, ability=Ability.POSTS_ONLY) == Post(CardReason.ALL_RESOLVED)


S = SilenceState
BASE = shown()


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (BASE, CardReason.UNCHANGED),
        (BASE._replace(state=State.RESOLVED, firing=0), CardReason.ALL_RESOLVED),
        (BASE._replace(marks=Marks(2)), CardReason.NEW_ALERTS),
        (BASE._replace(marks=Marks(2, 1)), CardReason.SEVERITY_RAISED),
        (BASE._replace(marks=Marks(1, 0, 1)), CardReason.REOPENED),
        (BASE._replace(marks=Marks(1, 0, 0, 1)), CardReason.REPEAT),
        (BASE._replace(firing=0), CardReason.SOME_RESOLVED),
        (BASE._replace(truncated=3), CardReason.TRUNCATED),
        (BASE._replace(ack="ou"), CardReason.ACKNOWLEDGED),
        (BASE._replace(handled="ou"), CardReason.HANDLED),
        (BASE._replace(silences=(("a", S.REQUESTED),)), CardReason.SILENCED),
        (
            BASE._replace(silences=(("a", S.FAILED),), marks=Marks(1, failed=1)),
            CardReason.SILENCE_FAILED,
        ),
        (
            BASE._replace(state=State.RESOLVED, marks=Marks(1, 0, 1), firing=0),
            CardReason.ALL_RESOLVED,
        ),
    ],
)
def test_why_a_card_is_edited(now: Shown, expected: CardReason) -> None:
    assert why_edit(BASE, now) is expected


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (S.REQUESTED, S.ACTIVE, CardReason.SILENCED),
        (S.ACTIVE, S.EXPIRING, CardReason.UNSILENCED),
        (S.EXPIRING, S.EXPIRED, CardReason.UNSILENCED),
        (S.ACTIVE, S.EXPIRED, CardReason.UNSILENCED),
        (S.ACTIVE, S.ACTIVE, CardReason.UNCHANGED),
    ],
)
def test_how_a_silence_s_way_is_named(before: S, now: S, expected: CardReason) -> None:
    old, new = BASE._replace(silences=(("a", before),)), BASE._replace(silences=(("a", now),))
    assert why_edit(old, new) is expected


def test_why_a_card_is_created() -> None:
    assert why_edit(None, BASE) is CardReason.FIRST
    assert why_edit(None, shown(State.RESOLVED)) is CardReason.LATE
    assert why_edit(None, shown(State.NOTE)) is CardReason.MESSAGE
    assert why_edit(BASE._replace(ack="ou"), BASE) is CardReason.UNACKNOWLEDGED


marks = st.builds(
    Marks, *(st.integers(min_value=0, max_value=2) for _ in range(4)), failed=st.integers(0, 1)
)


@given(marks, marks, st.sampled_from(State), st.sets(st.sampled_from(NotifyReason)))
def test_whom_to_call(before: Marks, now: Marks, state: State, notify: set[NotifyReason]) -> None:
    reason = why_call(before, shown(state, marks=now), tuple(notify))
    if reason is CardReason.SILENCE_FAILED:
        assert now.failed > before.failed
        return
    assert now.failed <= before.failed
    if reason is None:
        return
    assert state in (State.FIRING, State.ACKNOWLEDGED)
    assert NotifyReason(reason) in notify
    assert reason not in (CardReason.LAPSED, CardReason.REPEAT) or state is State.FIRING
    grown = {
        CardReason.REOPENED: now.reopened > before.reopened,
        CardReason.SEVERITY_RAISED: now.raised > before.raised,
        CardReason.NEW_ALERTS: now.joined > before.joined,
        CardReason.LAPSED: now.lapsed > before.lapsed,
        CardReason.REPEAT: now.repeated > before.repeated,
    }
    assert grown[reason]


def test_an_acknowledged_incident_s_repeats_call_nobody() -> None:
    after = Marks(1, repeated=1)
    assert why_call(Marks(1), shown(marks=after), ALL) is CardReason.REPEAT
    assert why_call(Marks(1), shown(State.ACKNOWLEDGED, marks=after), ALL) is None


def test_what_an_id_derives_from() -> None:
    card = fresh()
    texts = {
        create_uuid_text(one)
        for one in (
            card,
            replace(card, generation=2),
            replace(card, rung=Rung.FEWER),
            replace(card, mentions_dropped=True),
            replace(card, id=8),
        )
    }
    assert len(texts) == 5
    assert create_uuid_text(replace(card, wanted=5, shown=4, called=3)) == create_uuid_text(card)
    assert post_uuid_text(replace(card, wanted=5)) == post_uuid_text(card)
    assert post_uuid_text(replace(card, shown=5)) != post_uuid_text(card)
    assert reply_uuid_text(replace(card, mentions_dropped=True)) != reply_uuid_text(card)
    assert reply_uuid_text(replace(card, wanted=5, shown=4)) == reply_uuid_text(card)
    assert reply_uuid_text(replace(card, called=5)) != reply_uuid_text(card)
    assert NOW > SECOND
