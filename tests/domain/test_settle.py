"""What a call's outcome makes of its card."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.card import (
    SETTLE_AGAIN,
    Attempt,
    Call,
    Card,
    CardState,
    Marks,
    Rung,
)
from receiver.domain.incident import Incident, Kind
from receiver.domain.outcome import Delivered, Outcome, Rejected, RejectReason, Retry, RetryReason
from receiver.domain.reason import CardReason
from receiver.domain.settle import (
    BACKOFF_BASE,
    BACKOFF_CAP,
    LOCK_RETRY,
    REPLY_HORIZON,
    UNKNOWN_PATIENCE,
    Sent,
    Settlement,
    back_off,
    crashed,
    dead_letter,
    settle,
    taken,
)
from receiver.domain.step import (
    Create,
    Patch,
    Post,
    Replace,
    Reply,
    Settle,
    Step,
    Wait,
)
from tests.domain.made import HOUR, MINUTE, NOW, SECOND, TARGET, shown

SHOWN = shown(marks=Marks(3))
INCIDENT = Incident(
    id=1, source="prod", receiver="team", group_key="g", kind=Kind.ALERTS, title="Disk",
    group_labels={}, opened_at=NOW, revision=5, joined=3,
)  # fmt: skip


def card(call: Call, **more: object) -> Card:
    """Make a card with this call in flight."""
    base = Card(
        id=7, incident=1, target=TARGET, wanted=5, shown=3, called=3, mention=("ou_li",),
        in_flight=call, flown_at=NOW, message_id="" if call is Call.CREATE else "om_1",
        attempt=tried() if call is Call.CREATE else None,
    )  # fmt: skip
    return replace(base, **more)  # type: ignore[arg-type]


def tried(*, ambiguous: bool = False) -> Attempt:
    """Make a create that was tried."""
    return Attempt("u", "content", 4, NOW, SHOWN, ambiguous)


def of(call: Call) -> Sent:
    """Say what was sent."""
    return Sent(call=call, reason=CardReason.NEW_ALERTS, revision=4, shown=SHOWN, trace="t")


def end(call: Call, outcome: Outcome, after: int = 0, **more: object) -> Settlement:
    """Settle a call."""
    return settle(card(call, **more), of(call), outcome, NOW + after, 0.5)


@pytest.mark.parametrize("call", [Call.CREATE, Call.POST])
def test_a_first_message_shows_and_calls(call: Call) -> None:
    made = end(call, Delivered("om_2"), failures=3, problem="x", unknown_since=1)
    after = made.card
    assert made.delivered
    assert (after.message_id, after.sent_at, after.attempt) == ("om_2", NOW, None)
    assert (after.shown, after.called, after.marks, after.last) == (4, 4, SHOWN.marks, SHOWN)
    assert (after.failures, after.problem, after.unknown_since) == (0, "", None)
    assert (after.in_flight, after.due_at) == (None, NOW)


def test_a_patch_shows_and_calls_nobody() -> None:
    after = end(Call.PATCH, Delivered(), settle_at=NOW).card
    assert (after.shown, after.called, after.last) == (4, 3, SHOWN)
    assert (after.marks, after.settle_at, after.message_id) == (Marks(), None, "om_1")


def test_a_reply_calls_and_shows_nothing() -> None:
    after = end(Call.REPLY, Delivered("om_r"), reply_at=NOW).card
    assert (after.shown, after.called, after.marks) == (3, 4, SHOWN.marks)
    assert (after.reply_at, after.message_id) == (None, "om_1")


def test_two_replies_of_one_revision_have_different_ids() -> None:
    assert end(Call.REPLY, Delivered(), called=4).card.called == 5


@pytest.mark.parametrize("reason", RetryReason)
def test_a_create_of_unknown_outcome_is_marked_for_ever(reason: RetryReason) -> None:
    after = end(Call.CREATE, Retry(reason)).card
    assert after.attempt is not None
    assert after.attempt.ambiguous is reason.ambiguous
    again = settle(after, of(Call.CREATE), Retry(RetryReason.RATE_LIMITED), NOW, 0).card
    assert again.attempt is not None
    assert again.attempt.ambiguous is reason.ambiguous
    assert (again.attempt.content, again.attempt.first_at) == ("content", NOW)


@pytest.mark.parametrize("reason", RetryReason)
def test_a_patch_of_unknown_outcome_is_made_again_half_a_minute_later(
    reason: RetryReason,
) -> None:
    after = end(Call.PATCH, Retry(reason)).card
    if reason.ambiguous:
        assert (after.settle_at, after.due_at) == (NOW + SETTLE_AGAIN, NOW + SETTLE_AGAIN)
    else:
        assert after.settle_at is None
        assert after.due_at is not None
        assert NOW <= after.due_at <= NOW + LOCK_RETRY
    assert (after.shown, after.wanted) == (3, 5)


@pytest.mark.parametrize("reason", [RetryReason.CARD_LOCKED, RetryReason.IN_FLIGHT])
def test_a_locked_card_is_tried_again_after_a_second(reason: RetryReason) -> None:
    assert end(Call.REPLY, Retry(reason)).card.due_at == NOW + LOCK_RETRY
    assert end(Call.REPLY, Retry(reason, 9 * SECOND)).card.due_at == NOW + 9 * SECOND


@pytest.mark.parametrize("reason", RetryReason)
def test_an_ambiguous_post_may_be_a_duplicate(reason: RetryReason) -> None:
    assert end(Call.POST, Retry(reason)).possible_duplicate is reason.ambiguous


def test_a_reply_is_given_up_when_its_id_will_be_forgotten() -> None:
    timeout = Retry(RetryReason.TIMEOUT)
    before = end(Call.REPLY, timeout, REPLY_HORIZON - 1, reply_at=NOW)
    assert (before.card.called, before.card.reply_at) == (3, NOW)
    late = end(Call.REPLY, timeout, REPLY_HORIZON, reply_at=NOW)
    assert (late.card.called, late.card.reply_at, late.possible_duplicate) == (4, None, True)
    assert late.card.marks == SHOWN.marks


def test_an_unknown_code_is_retried_for_ten_minutes_and_only_its_own() -> None:
    unknown = Retry(RetryReason.UNKNOWN_CODE)
    first = end(Call.PATCH, unknown)
    assert (first.dead, first.card.unknown_since) == ("", NOW)
    almost = end(Call.PATCH, unknown, UNKNOWN_PATIENCE - 1, unknown_since=NOW)
    assert not almost.dead
    late = end(Call.PATCH, unknown, UNKNOWN_PATIENCE, unknown_since=NOW)
    assert late.dead == RejectReason.UNKNOWN_CODE
    other = end(Call.PATCH, Retry(RetryReason.TIMEOUT), HOUR)
    assert other.card.unknown_since is None
    assert not settle(other.card, of(Call.PATCH), unknown, NOW + 2 * HOUR, 0).dead


@pytest.mark.parametrize("reason", RejectReason)
@pytest.mark.parametrize("rung", Rung)
def test_the_ladder_of_a_create(reason: RejectReason, rung: Rung) -> None:
    made = end(Call.CREATE, Rejected(reason, "why"), rung=rung)
    if reason is RejectReason.MENTION:
        assert (made.card.mentions_dropped, made.card.rung, made.dead) == (True, rung, "")
        return
    made = end(Call.CREATE, Rejected(reason, "why"), rung=rung, mentions_dropped=True)
    if reason.ladder and rung < Rung.TEXT:
        assert (made.card.rung, made.card.attempt, made.dead) == (rung + 1, None, "")
        assert made.card.generation == 1
        assert made.card.due_at == NOW
    else:
        assert (made.card.state, made.dead) == (CardState.DEAD, reason)
        assert made.card.problem == f"{reason}: why"
        assert made.card.due_at is None


def test_bad_content_may_be_a_mention_that_was_refused() -> None:
    made = end(Call.CREATE, Rejected(RejectReason.CONTENT))
    assert (made.card.mentions_dropped, made.card.rung, made.card.attempt) == (True, 0, None)


def test_a_mention_is_dropped_once() -> None:
    refused = Rejected(RejectReason.MENTION)
    for call in (Call.CREATE, Call.POST, Call.REPLY):
        assert end(call, refused).card.mentions_dropped
    for without in ({"mentions_dropped": True}, {"mention": ()}):
        plainer = end(Call.CREATE, refused, **without)
        assert (plainer.card.rung, plainer.dead) == (Rung.FEWER, "")
    patched = end(Call.PATCH, refused).card  # a patch mentions nobody
    assert (patched.rung, patched.mentions_dropped) == (Rung.FEWER, False)


def test_what_is_delivered_lets_the_next_message_mention_people_again() -> None:
    assert not end(Call.REPLY, Delivered("om_2"), mentions_dropped=True).card.mentions_dropped


@pytest.mark.parametrize("rung", [Rung.WHOLE, Rung.FEWER, Rung.MINIMAL])
def test_a_card_is_never_edited_into_a_text(rung: Rung) -> None:
    refused = Rejected(RejectReason.TOO_LARGE)
    after = end(Call.PATCH, refused, rung=rung, last=SHOWN).card
    if rung is Rung.MINIMAL:
        assert (after.rung, after.generation, after.message_id) == (Rung.TEXT, 2, "")
    else:
        assert (after.rung, after.generation, after.message_id) == (rung + 1, 1, "om_1")


@pytest.mark.parametrize("call", [Call.PATCH, Call.REPLY])
def test_a_message_that_is_gone_is_replaced(call: Call) -> None:
    after = end(call, Rejected(RejectReason.GONE), reply_at=NOW, settle_at=NOW).card
    assert (after.generation, after.message_id, after.shown, after.due_at) == (2, "", 0, NOW)
    assert (after.reply_at, after.settle_at, after.in_flight) == (None, None, None)


def test_one_that_is_too_old_to_edit_is_replaced() -> None:
    assert end(Call.PATCH, Rejected(RejectReason.TOO_OLD)).card.generation == 2


def test_a_reply_that_is_refused_is_given_up_and_the_card_stays() -> None:
    made = end(Call.REPLY, Rejected(RejectReason.TARGET, "muted"), reply_at=NOW)
    assert (made.card.state, made.dead, made.card.called) == (CardState.OPEN, "", 4)
    assert (made.card.marks, made.card.problem) == (SHOWN.marks, "muted")


def test_a_dead_letter_keeps_a_create_that_may_have_been_accepted() -> None:
    sure = dead_letter(card(Call.CREATE), Rejected(RejectReason.TARGET), 0).card
    assert sure.attempt is None
    unsure = card(Call.CREATE, attempt=tried(ambiguous=True))
    assert dead_letter(unsure, Rejected(RejectReason.TARGET), 0).card.attempt == unsure.attempt


outcomes = st.one_of(
    st.builds(Delivered, st.just("om_9")),
    st.builds(Retry, st.sampled_from(RetryReason), st.integers(0, 2 * MINUTE)),
    st.builds(Rejected, st.sampled_from(RejectReason), st.text(max_size=3)),
)


@given(st.sampled_from(Call), outcomes, st.integers(0, 3 * HOUR), st.floats(0, 0.999))
def test_any_outcome_leaves_a_card_that_somebody_will_look_at(
    call: Call, outcome: Outcome, after: int, luck: float
) -> None:
    before = card(call)
    made = settle(before, of(call), outcome, NOW + after, luck)
    now = made.card
    assert (now.in_flight, now.flown_at) == (None, None)
    assert now.tried
    assert (now.state is CardState.DEAD) == bool(made.dead)
    assert (now.due_at is None) == bool(made.dead)
    assert made.delivered == isinstance(outcome, Delivered)
    assert now.generation - before.generation in (0, 1)
    assert now.generation > before.generation or now.shown >= before.shown
    assert now.called >= before.called
    assert now.wanted == before.wanted


@given(st.integers(0, 10_000), st.integers(0, HOUR), st.floats(0, 1, exclude_max=True))
def test_back_off_is_bounded_and_honours_the_platform(
    failures: int, after: int, luck: float
) -> None:
    pause = back_off(failures, after, luck)
    assert after <= pause <= max(after, BACKOFF_CAP) + BACKOFF_BASE
    if not after:
        assert pause <= BACKOFF_BASE * 2 ** min(failures, 16)


def test_back_off_doubles_and_is_jittered_in_full() -> None:
    ceilings = [back_off(failures, 0, 0.999999) for failures in range(8)]
    assert ceilings == [499, 999, 1999, 3999, 7999, 15999, 31999, 59999]
    assert back_off(5, 0, 0.0) == 0


steps = st.sampled_from(
    (
        Create(CardReason.FIRST),
        Patch(CardReason.NEW_ALERTS),
        Reply(CardReason.REPEAT),
        Post(CardReason.FIRST),
        Settle(CardReason.UNCHANGED),
        Replace(CardReason.REPLACED),
        Wait(None),
        Wait(NOW + 9),
    )
)


@given(steps)
def test_only_a_call_is_in_flight(step: Step) -> None:
    before = card(Call.PATCH, in_flight=None, flown_at=None)
    after = taken(before, step, INCIDENT, NOW)
    flies = isinstance(step, Create | Patch | Reply | Post)
    assert (after.in_flight is not None) == flies
    assert (after.flown_at == NOW) == flies
    assert taken(before, Settle(CardReason.NO_EDIT), INCIDENT, NOW).shown == 5
    assert taken(before, Wait(NOW + 9), INCIDENT, NOW).due_at == NOW + 9


def test_a_reply_remembers_its_first_attempt() -> None:
    first = taken(card(Call.REPLY, in_flight=None), Reply(CardReason.REPEAT), INCIDENT, NOW)
    again = taken(first, Reply(CardReason.REPEAT), INCIDENT, NOW + MINUTE)
    assert (first.reply_at, again.reply_at) == (NOW, NOW)


def test_a_reply_that_is_no_longer_needed_leaves_its_id_behind() -> None:
    pending = card(Call.REPLY, in_flight=None, reply_at=NOW)
    after = taken(pending, Wait(None), INCIDENT, NOW)
    assert (after.reply_at, after.called) == (None, 4)


@pytest.mark.parametrize("call", Call)
def test_a_crash_leaves_an_unknown_outcome(call: Call) -> None:
    after = crashed(card(call), NOW + SECOND)
    assert (after.in_flight, after.tried) == (None, True)
    if call is Call.CREATE:
        assert after.attempt is not None
        assert after.attempt.ambiguous
    if call is Call.PATCH:
        assert (after.settle_at, after.due_at) == (NOW + SETTLE_AGAIN, NOW + SETTLE_AGAIN)
    else:
        assert after.due_at == NOW + SECOND


def test_a_crash_before_the_content_was_kept_has_sent_nothing() -> None:
    assert crashed(card(Call.CREATE, attempt=None), NOW).attempt is None


def test_a_card_that_was_not_in_flight_is_left_alone() -> None:
    calm = card(Call.PATCH, in_flight=None)
    assert crashed(calm, NOW) == calm


@pytest.mark.parametrize("reason", RetryReason)
def test_only_what_the_platform_may_have_accepted_is_ambiguous(reason: RetryReason) -> None:
    surely_not = {"rate_limited", "card_locked", "token", "unreachable"}
    assert reason.ambiguous == (reason not in surely_not)
