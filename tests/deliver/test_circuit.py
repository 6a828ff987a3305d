"""What opens a circuit, what it lets through, and what closes it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.deliver.circuit import (
    FIRST_PATIENCE,
    FOR_EVER,
    IN_A_ROW,
    LIVE_APART,
    OUTAGE_MOST,
    OUTAGES,
    OWN_CAUSES,
    TRIAL_FIRST,
    TRIAL_MOST,
    TRIAL_PATIENCE,
    Answer,
    Cause,
    Circuit,
    Gate,
    Outage,
    Row,
    Sign,
    Turn,
    failed,
    gate,
    pause_after,
    reach,
    read,
    scope_of,
    strictest,
    turn,
)
from receiver.deliver.circuits import Circuits, Happened
from receiver.domain.card import Call
from receiver.domain.outcome import Delivered, Outcome, Rejected, RejectReason, Retry, RetryReason
from tests.domain.made import NOW, SECOND

A, B, BOT = "ops:oc_1", "ops:oc_2", "legacy"
OUT = Retry(RetryReason.UNREACHABLE, 0, "no route")
NO_BOT = Rejected(RejectReason.TARGET, "add the bot to the chat")
NO_APP = Rejected(RejectReason.CREDENTIALS, "check app_secret")
SPENT = Rejected(RejectReason.QUOTA, "the month's calls are used up")
FINE = Delivered("om_1")
MONTH_ENDS = NOW + 86_400_000

outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.just(FINE),
    st.sampled_from(RetryReason).map(Retry),
    st.sampled_from(RejectReason).map(Rejected),
)
circuits_of = st.builds(
    Circuit,
    scope=st.sampled_from(("ops", A, BOT)),
    cause=st.sampled_from(Cause),
    detail=st.just("why"),
    opened_at=st.integers(NOW - 1_000_000, NOW),
    trial_at=st.integers(NOW - 1_000_000, NOW + 1_000_000),
    tried_at=st.integers(NOW - 1_000_000, NOW),
    failures=st.integers(0, 40),
    trial=st.integers(0, 3),
    trial_since=st.integers(NOW - 200_000, NOW),
)


def answer(
    outcome: Outcome, target: str = A, *, card: int = 1, call: Call = Call.CREATE, now: int = NOW
) -> Answer:
    """Make the answer to a call that began just now."""
    return Answer(target, card, call, outcome, now - 1, now)


def made(scope: str = A, cause: Cause = Cause.TARGET, **changes: int) -> Circuit:
    """Make a circuit that opened just now."""
    circuit = Circuit(
        scope=scope, cause=cause, detail="why", opened_at=NOW, trial_at=NOW, tried_at=NOW
    )
    return replace(circuit, **changes)  # type: ignore[arg-type]  # numbers alone


class Board(Circuits):
    """Circuits of two apps that share a quota, with a die that always falls on its middle."""

    def __init__(self) -> None:
        """Begin with none open."""
        super().__init__(lambda: 0.5, lambda name: (name, "ops2"), lambda _: MONTH_ENDS)

    def see(self, *answers: Answer) -> list[Happened]:
        """Take in several outcomes."""
        return [one for each in answers for one in self.observe(each)]

    def scopes(self) -> dict[str, Cause]:
        """Return what is open, and why."""
        return {circuit.scope: circuit.cause for circuit in self}


@given(outcomes, st.sampled_from(Call))
def test_every_outcome_says_one_thing(outcome: Outcome, call: Call) -> None:
    sign = read(answer(outcome, call=call))
    assert (sign is Sign.ALIVE) == isinstance(outcome, Delivered)
    assert (sign is Sign.OUT) == (isinstance(outcome, Retry) and outcome.reason in OUTAGES)
    own = isinstance(outcome, Rejected) and outcome.reason in OWN_CAUSES
    assert (sign is Sign.REFUSED) == (own and call is not Call.REPLY)
    assert set(get_args(Outcome)) == {Delivered, Retry, Rejected}


@given(circuits_of, st.integers(1, 3), st.integers(NOW, NOW + 1_000_000))
def test_a_circuit_lets_one_card_through_at_a_time(circuit: Circuit, card: int, now: int) -> None:
    found = gate(circuit, card, now)
    assert found is not Gate.PASS
    assert (found is Gate.HOLD) <= (circuit.cause is Cause.OUTAGE)
    assert (found is Gate.GIVE_UP) <= (circuit.cause is not Cause.OUTAGE)
    if circuit.trying(now) and found is Gate.TRIAL:
        assert card == circuit.trial
    if found is Gate.TRIAL and circuit.cause is Cause.QUOTA:
        assert circuit.trial == card


@given(st.sampled_from(Cause), st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_up_to_their_most(cause: Cause, failures: int, luck: float) -> None:
    pause = pause_after(cause, failures, luck)
    if cause is Cause.OUTAGE:
        assert 0 <= pause < OUTAGE_MOST
        assert pause_after(cause, 9, luck) >= pause
    else:
        assert TRIAL_FIRST <= pause <= TRIAL_MOST


def test_the_pauses_of_a_refused_scope_double() -> None:
    pauses = [pause_after(Cause.TARGET, failures, 0.0) // SECOND for failures in range(7)]
    assert pauses == [10, 20, 40, 80, 160, 300, 300]
    outage = [pause_after(Cause.OUTAGE, failures, 0.999) for failures in range(6)]
    assert outage == [499, 999, 1998, 3996, 4995, 4995]


@given(circuits_of, outcomes, st.integers(1, 3))
def test_what_closes_and_what_fails_again(circuit: Circuit, outcome: Outcome, card: int) -> None:
    told = answer(outcome, card=card)
    sign = read(told)
    done = turn(circuit, told, sign)
    assert done is not Turn.OPENED
    if done is Turn.CLOSED:
        assert sign is Sign.ALIVE or (
            circuit.cause is Cause.OUTAGE and sign in (Sign.ANSWERED, Sign.REFUSED)
        )
    if done is Turn.FAILED_AGAIN:
        assert card == circuit.trial
        after = failed(circuit, NOW, 0.5)
        assert (after.trial, after.failures) == (0, circuit.failures + 1)
        assert after.trial_at >= NOW


def test_a_delivery_that_began_before_the_refusal_closes_nothing() -> None:
    circuit = made()
    before = answer(FINE)._replace(began=NOW - 5)
    assert turn(circuit, before, Sign.ALIVE) is Turn.NONE
    assert turn(circuit, before._replace(began=NOW), Sign.ALIVE) is Turn.CLOSED


@given(
    st.integers(0, 9),
    st.sets(st.sampled_from((A, B, "ops:oc_3"))),
    st.integers(0, 9),
    st.booleans(),
)
def test_an_outage_reaches_as_far_as_is_known(
    failures: int,
    targets: set[str],
    own: int,
    token: bool,
) -> None:
    far = reach(Row(failures, frozenset(targets)), Row(own, frozenset({A})), token=token)
    if far is Outage.CHANNEL:
        assert failures >= IN_A_ROW
        assert token or len(targets) > 1
    if far is Outage.TARGET:
        assert own >= IN_A_ROW
    if far is Outage.COUNTED:
        assert own < IN_A_ROW


@pytest.mark.parametrize("outcome", [FINE, NO_BOT, OUT, Rejected(RejectReason.CONTENT), SPENT])
def test_what_an_earlier_run_found_is_held_against_nobody_before_the_first_trial(
    outcome: Outcome,
) -> None:
    board = Board()
    board.open(A, Cause.TARGET, "why", NOW)
    board.doubt(A, NOW)
    assert board.gate(A, 1, NOW) is board.gate(A, 2, NOW) is Gate.TRIAL
    board.begun(A, 2, NOW)
    assert (board.gate(A, 1, NOW), board.gate(A, 2, NOW)) == (Gate.AWAIT, Gate.TRIAL)
    assert NOW < board.held_until(A, NOW) == NOW + FIRST_PATIENCE
    board.observe(answer(outcome, card=2, now=NOW + 1))
    found = board.gate(A, 1, NOW + 1)
    if outcome is FINE:
        assert found is Gate.PASS
    elif outcome in (NO_BOT, SPENT):
        assert found is Gate.GIVE_UP
    else:
        assert found is (Gate.AWAIT if outcome is OUT else Gate.TRIAL)
    if outcome is OUT:  # nobody was there to ask: that took none of the time
        assert board.gate(A, 1, NOW + FIRST_PATIENCE) is Gate.AWAIT


def test_a_first_trial_that_is_never_answered_holds_nobody_for_ever() -> None:
    board = Board()
    board.open(A, Cause.TARGET, "why", NOW)
    board.doubt(A, NOW)
    board.begun(A, 2, NOW)
    board.landed(A, 2, NOW)  # it needed no call
    assert board.gate(A, 1, NOW) is Gate.TRIAL
    board.begun(A, 1, NOW)
    assert board.gate(A, 3, NOW + FIRST_PATIENCE - 1) is Gate.AWAIT
    board.rewind(NOW - 1_000_000)
    assert board.gate(A, 3, NOW - 1_000_000 + FIRST_PATIENCE) is not Gate.AWAIT


def test_the_strictest_of_several_circuits_decides() -> None:
    assert strictest(Gate.TRIAL, Gate.HOLD, Gate.GIVE_UP) is Gate.GIVE_UP
    assert strictest(Gate.TRIAL, Gate.HOLD) is Gate.HOLD
    assert strictest(Gate.PASS, Gate.TRIAL) is Gate.TRIAL


def test_who_is_held_responsible_for_a_refusal() -> None:
    assert scope_of(A, Cause.TARGET) == A
    assert scope_of(A, Cause.CREDENTIALS) == scope_of(A, Cause.QUOTA) == "ops"
    assert scope_of(BOT, Cause.TARGET) == BOT


@pytest.mark.parametrize(
    ("outcome", "scopes"),
    [
        (NO_BOT, {A: Cause.TARGET}),
        (NO_APP, {"ops": Cause.CREDENTIALS}),
        (SPENT, {"ops": Cause.QUOTA, "ops2": Cause.QUOTA}),
    ],
)
def test_one_refusal_opens_its_own_scope_and_no_other(
    outcome: Outcome, scopes: dict[str, Cause]
) -> None:
    board = Board()
    opened = board.see(answer(outcome), answer(outcome, card=2))
    assert board.scopes() == scopes
    assert [one.turn for one in opened] == [Turn.OPENED] * len(scopes)
    assert board.gate(A, 3, NOW) is Gate.GIVE_UP
    assert board.gate(B, 3, NOW) is (Gate.PASS if A in scopes else Gate.GIVE_UP)
    assert board.gate(BOT, 3, NOW) is Gate.PASS


def test_a_refused_reply_opens_nothing() -> None:
    board = Board()
    assert board.see(answer(NO_BOT, call=Call.REPLY)) == []
    assert board.scopes() == {}


def test_what_one_target_suffers_is_held_against_it_alone() -> None:
    board = Board()
    board.see(*[answer(OUT)] * 3)
    assert board.scopes() == {A: Cause.OUTAGE}
    assert (board.gate(A, 9, NOW), board.gate(B, 9, NOW)) == (Gate.HOLD, Gate.PASS)
    board.see(answer(FINE, B))
    assert board.see(answer(OUT, B)) == []  # the row was broken
    assert board.scopes() == {A: Cause.OUTAGE}


def test_an_outage_of_several_targets_is_the_channel_s_and_takes_the_others_in() -> None:
    board = Board()
    board.see(*[answer(OUT)] * 3)
    happened = board.see(answer(OUT, B))
    assert [(one.turn, one.circuit.scope) for one in happened] == [
        (Turn.CLOSED, A),
        (Turn.OPENED, "ops"),
    ]
    assert board.scopes() == {"ops": Cause.OUTAGE}
    assert board.see(*[answer(OUT, B)] * 5) == []


def test_a_token_that_cannot_be_had_is_the_channel_s_trouble() -> None:
    board = Board()
    board.see(*[answer(Retry(RetryReason.TOKEN))] * 3)
    assert board.scopes() == {"ops": Cause.OUTAGE}


@pytest.mark.parametrize("between", [FINE, Retry(RetryReason.RATE_LIMITED), NO_BOT])
def test_any_answer_breaks_a_row_of_failures(between: Outcome) -> None:
    board = Board()
    board.see(answer(OUT), answer(OUT), answer(between, call=Call.REPLY), answer(OUT), answer(OUT))
    assert board.scopes() == {}


def test_one_trial_at_a_time_until_somebody_answers() -> None:
    board = Board()
    board.see(*[answer(OUT)] * 3)
    (circuit,) = board
    assert circuit.trial_at == board.held_until(A, NOW) == NOW + 250
    at = circuit.trial_at
    assert board.gate(A, 5, at) is Gate.TRIAL
    board.begun(A, 5, at)
    assert [board.gate(A, card, at) for card in (5, 6)] == [Gate.HOLD] * 2
    assert board.held_until(A, at) == FOR_EVER
    board.see(answer(OUT, card=6, now=at))  # it was under way before
    assert board.gate(A, 6, at) is Gate.HOLD
    board.see(answer(OUT, card=5, now=at))
    assert board.held_until(A, at) == at + 500
    board.begun(A, 5, at + 500)
    happened = board.see(answer(Retry(RetryReason.RATE_LIMITED), card=5, now=at + 600))
    assert [one.turn for one in happened] == [Turn.CLOSED]
    assert board.gate(A, 6, at + 600) is Gate.PASS


def test_a_trial_of_a_refused_target_may_need_several_calls_and_has_a_minute() -> None:
    board = Board()
    board.see(answer(NO_BOT))
    board.choose(A, 7, NOW + 10_000)
    assert board.gate(A, 7, NOW + 10_001) is Gate.TRIAL
    assert board.gate(A, 8, NOW + 10_001) is Gate.GIVE_UP
    board.see(answer(Rejected(RejectReason.CONTENT), card=7, now=NOW + 10_002))
    assert board.gate(A, 7, NOW + 10_003) is Gate.TRIAL
    late = NOW + 10_000 + TRIAL_PATIENCE
    assert board.gate(A, 8, late) is Gate.TRIAL  # nothing came of it: another may try
    assert next(iter(board)).prepare_at <= late


def test_a_card_that_is_there_anyway_may_try_half_a_minute_after_the_last() -> None:
    board = Board()
    board.see(answer(NO_BOT))
    assert board.gate(A, 8, NOW + LIVE_APART - 1) is Gate.GIVE_UP
    assert board.gate(A, 8, NOW + LIVE_APART) is Gate.TRIAL
    board.retry(A, NOW + 5)
    assert board.gate(A, 8, NOW + 5) is Gate.TRIAL


def test_a_used_up_quota_is_not_tried_before_the_month_ends() -> None:
    board = Board()
    board.see(answer(SPENT))
    assert board.lapse(MONTH_ENDS - 1) == []
    assert board.gate(A, 9, MONTH_ENDS - 1) is Gate.GIVE_UP
    assert all(circuit.prepare_at == FOR_EVER for circuit in board)
    assert {one.turn for one in board.lapse(MONTH_ENDS)} == {Turn.CLOSED}
    assert board.gate(A, 9, MONTH_ENDS) is Gate.PASS


def test_a_trial_that_needed_no_call_gives_its_place_to_the_next() -> None:
    board = Board()
    board.see(*[answer(OUT)] * 3)
    board.begun(A, 5, NOW + 500)
    board.landed(A, 5, NOW + 500)
    assert board.gate(A, 6, NOW + 500) is Gate.TRIAL
    board.see(answer(FINE))
    board.landed(A, 5, NOW)  # nothing is open any more


def test_what_closes_and_is_refused_again_goes_on_with_its_pauses() -> None:
    board = Board()
    now = NOW
    for pause in (10, 20, 40):
        (opened,) = board.see(answer(NO_BOT, now=now))
        assert opened.circuit.trial_at - now == pause * SECOND
        now += pause * SECOND
        board.see(answer(FINE, now=now)._replace(began=now))
    board.see(answer(FINE, now=now)._replace(began=now))
    (opened,) = board.see(answer(NO_BOT, now=now + TRIAL_MOST))
    assert opened.circuit.trial_at - opened.circuit.opened_at == TRIAL_FIRST


def test_a_channel_that_is_configured_anew_is_tried_at_once_or_forgotten() -> None:
    board = Board()
    board.see(answer(NO_BOT), answer(SPENT, B))
    closed = board.hurry("ops", NOW + 1)
    assert [one.circuit.scope for one in closed] == ["ops"]
    assert [circuit.prepare_at for circuit in board if circuit.scope == A] == [NOW + 1]
    assert {one.circuit.scope for one in board.drop("ops", NOW + 2)} == {A}
    assert board.scopes() == {"ops2": Cause.QUOTA}


def test_pauses_begin_anew_when_the_clock_is_set_back() -> None:
    board = Board()
    board.see(answer(NO_BOT), *[answer(OUT, B)] * 3)
    board.begun(B, 4, NOW + 500)
    earlier = NOW - 3_600_000
    board.rewind(earlier)
    assert {circuit.prepare_at - earlier for circuit in board} == {0, 20}
    assert board.gate(B, 5, earlier + TRIAL_PATIENCE) is Gate.TRIAL
    told = answer(FINE, now=earlier + 1)
    assert [one.turn for one in board.see(told)] == [Turn.CLOSED]


signs = st.lists(
    st.tuples(st.sampled_from((A, B, BOT)), st.integers(1, 4), outcomes, st.integers(0, 20_000)),
    max_size=60,
)


@given(signs)
def test_opened_and_closed_take_turns_in_every_scope(
    told: Sequence[tuple[str, int, Outcome, int]],
) -> None:
    board, now = Board(), NOW
    open_now: set[str] = set()
    for target, card, outcome, passed in told:
        now += passed
        if board.gate(target, card, now) in (Gate.TRIAL, Gate.PASS):
            board.begun(target, card, now)
        for one in (*board.lapse(now), *board.observe(answer(outcome, target, card=card, now=now))):
            scope = one.circuit.scope
            assert (scope in open_now) == (one.turn is Turn.CLOSED)
            open_now ^= {scope}
        assert open_now == set(board.scopes())
        assert board.held_until(target, now) >= now or board.gate(target, 99, now) is not Gate.HOLD
