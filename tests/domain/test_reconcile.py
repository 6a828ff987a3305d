"""What a source's truth does to an open incident: each reason, its guards, what always holds."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.alert import Alert
from receiver.domain.card import picture
from receiver.domain.custody import Ownership
from receiver.domain.incident import Ending, Rules, state, suppressed
from receiver.domain.reason import CardReason, State, TruthReason
from receiver.domain.reconcile import (
    CHANGED_MOST,
    STALE_AFTER,
    Corrected,
    TruthRules,
    correct,
    index,
    unheard,
)
from receiver.domain.silence import Silence, SilenceState
from receiver.domain.step import why_call, why_edit
from receiver.domain.truth import APPLIED_WITHIN, WARM_UP, SeenGroup
from tests.domain.made import HOUR, LI, MINUTE, NOW, SECOND, World, alert, notice, notices, world
from tests.domain.truths import GROUP, learn, seen, silence, truth

N1, N2, N3 = alert("n1"), alert("n2"), alert("n3")
OWN = Silence(
    id="a1",
    state=SilenceState.ACTIVE,
    scope="group",
    matchers=(("alertname", "Disk"),),
    actor=LI,
    comment="",
    asked_at=NOW,
    ends_at=NOW + HOUR,
    silence_id="s1",
    confirmed_at=NOW,
)


def own(**other: object) -> Silence:
    return replace(OWN, **other)  # type: ignore[arg-type]


def held(*silences: Silence) -> World:
    """Return a world of two alerts whose card has these silences."""
    made = world(notice(N1, N2))
    made.incident = made.known._replace(silences=silences)
    return made


# An alert that its source no longer reports is over, if the source can know.


def test_what_is_reported_no_more_is_over_and_the_last_one_closes() -> None:
    made = world(notice(N1, N2))
    told = learn(made, truth(NOW, seen(N1)))
    assert told.reason is TruthReason.GONE
    assert made.firing == {N1.fingerprint}
    gone = made.members[N2.fingerprint]
    assert (gone.gone, gone.until, made.known.closed_at) == (True, made.now, None)
    assert learn(made, truth(NOW)).reason is TruthReason.GONE
    assert (made.known.closed_at, made.known.ending) == (made.now, Ending.GONE)
    assert state(made.known, made.members.values()) is State.RESOLVED


def test_what_is_over_already_is_left_alone() -> None:
    made = world(notice(N1))
    learn(made, truth(NOW))
    assert learn(made, truth(NOW)).incident is None


@pytest.mark.parametrize("after", [0, -1])
def test_a_body_that_may_be_newer_than_the_truth_wins(after: int) -> None:
    made = world(notice(N1))
    told = truth(made.now + after)
    assert correct(made.known, made.members, index(told), TruthRules(), made.now + 5) == (
        correct(made.known, {}, index(told), TruthRules(), made.now + 5)
    )


@pytest.mark.parametrize("after", [1, SECOND, APPLIED_WITHIN])
def test_so_does_one_that_comes_while_the_truth_is_applied(after: int) -> None:
    made = world(notice(N1))
    told, heard = truth(made.now - after - 1), made.now - after
    assert correct(made.known, made.members, index(told), TruthRules(), heard).incident is None


def test_the_next_truth_decides_what_the_last_one_was_too_old_for() -> None:
    made = world(notice(N1))
    assert learn(made, truth(NOW), after=0).incident is None
    assert learn(made, truth(NOW), after=1).reason is TruthReason.GONE


def test_a_word_of_another_clock_does_not_count() -> None:
    made = world(notice(N1))
    made.incident = made.known._replace(peers={"a": made.now + HOUR})
    assert learn(made, truth(NOW)).reason is TruthReason.GONE


def test_a_source_that_began_anew_is_not_believed_before_it_can_know() -> None:
    made = world(notice(N1))
    assert learn(made, truth(NOW, up_since=NOW - WARM_UP + 1)).incident is None
    assert learn(made, truth(NOW, up_since=NOW - WARM_UP)).reason is TruthReason.GONE


def test_a_source_that_does_not_answer_says_nothing() -> None:
    made = world(notice(N1))
    rules = TruthRules(answered_at=made.now)
    assert unheard(made.known, rules, made.now + STALE_AFTER - 1).incident is None


def test_many_are_resolved_step_by_step_and_the_last_step_closes() -> None:
    many = [alert(f"m{number}") for number in range(CHANGED_MOST + 5)]
    made = world(notice(*many))
    first = learn(made, truth(NOW))
    assert (len(first.members), first.more, made.known.closed_at) == (CHANGED_MOST, True, None)
    seen_now = index(truth(made.now))
    second = correct(made.known, made.members, seen_now, TruthRules(), made.now)
    assert (len(second.members), second.more) == (5, False)
    assert second.incident is not None
    assert second.incident.closed_at == made.now


def test_nobody_is_called_for_it() -> None:
    made = world(notice(N1, N2))
    before = picture(made.known, tuple(made.members.values()))
    learn(made, truth(NOW, seen(N1)))
    now = picture(made.known, tuple(made.members.values()))
    assert why_edit(before, now) is CardReason.SOME_RESOLVED
    assert why_call(before.marks, now, ("new_alerts", "reopened", "repeat")) is None


# What mutes an alert is shown, whoever made it, and so is its end.


def test_a_silence_of_another_tool_greys_the_card_and_says_who_and_why() -> None:
    made = world(notice(N1))
    told = truth(NOW, seen(N1, silenced_by=("x",)), silences=(silence("x"),))
    assert learn(made, told).reason is TruthReason.SUPPRESSED
    (outside,) = made.known.outside
    assert (outside.created_by, outside.comment, outside.over) == ("bob", "planned work", False)
    assert state(made.known, made.members.values()) is State.SUPPRESSED
    assert learn(made, told).incident is None


def test_one_muted_alert_of_two_leaves_the_card_firing() -> None:
    made = world(notice(N1, N2))
    told = truth(NOW, seen(N1, silenced_by=("x",)), seen(N2), silences=(silence("x"),))
    learn(made, told)
    assert state(made.known, made.members.values()) is State.FIRING
    assert picture(made.known, tuple(made.members.values())).muted == 1


def test_its_end_is_said_while_the_alert_fires_and_calls_nobody() -> None:
    made = world(notice(N1))
    learn(made, truth(NOW, seen(N1, silenced_by=("x",)), silences=(silence("x"),)))
    before = picture(made.known, tuple(made.members.values()))
    over = silence("x", "expired", ends_at=NOW)
    told = learn(made, truth(NOW, seen(N1), silences=(over,)))
    assert told.reasons == (TruthReason.SILENCE_ENDED, TruthReason.UNSUPPRESSED)
    assert [one.over for one in made.known.outside] == [True]
    now = picture(made.known, tuple(made.members.values()))
    assert (now.state, why_edit(before, now)) == (State.FIRING, CardReason.UNSUPPRESSED)
    assert why_call(before.marks, now, ("new_alerts", "reopened", "repeat")) is None


def test_it_is_forgotten_when_no_alert_that_it_muted_fires() -> None:
    made = world(notice(N1, N2))
    one = silence("x", labels={"instance": "n1"})
    learn(made, truth(NOW, seen(N1, silenced_by=("x",)), seen(N2), silences=(one,)))
    learn(made, truth(NOW, seen(N2), silences=(one._replace(state="expired"),)))
    assert made.known.outside == ()


def test_one_that_is_extended_is_followed() -> None:
    made = world(notice(N1))
    muted = seen(N1, silenced_by=("x",))
    learn(made, truth(NOW, muted, silences=(silence("x", ends_at=NOW + HOUR),)))
    later = silence("x", ends_at=NOW + 2 * HOUR)
    assert learn(made, truth(NOW, muted, silences=(later,))).reasons == (
        TruthReason.SILENCE_CHANGED,
    )
    assert made.known.outside[0].ends_at == NOW + 2 * HOUR


def test_what_inhibits_is_named() -> None:
    made = world(notice(N1))
    node = alert("n9")._replace(labels={"alertname": "NodeDown", "instance": "n9"})
    told = truth(NOW, seen(N1, inhibited_by=(node.fingerprint,)), seen(node))
    assert learn(made, told).reason is TruthReason.INHIBITED
    muted = made.members[N1.fingerprint]
    assert muted.held is not None
    assert muted.held.inhibitors == ("NodeDown instance=n9",)
    assert suppressed(made.known, muted)


def test_a_time_interval_is_named() -> None:
    made = world(notice(N1))
    learn(made, truth(NOW, seen(N1, muted_by=("nights",))))
    muted = made.members[N1.fingerprint].held
    assert muted is not None
    assert muted.intervals == ("nights",)


def test_a_peer_that_has_not_heard_of_an_end_refires_nothing() -> None:
    made = world(notice(N1, N2))
    made.hear(notice(N1, alert("n2", firing=False)), after=SECOND)
    until = made.members[N2.fingerprint].until
    assert until is not None
    lags = truth(NOW, seen(N1), seen(N2, updated_at=until))
    assert learn(made, lags).incident is None
    knows = truth(NOW, seen(N1), seen(N2, updated_at=until + 1))
    assert learn(made, knows).reason is TruthReason.REFIRED


def test_an_alert_that_fires_again_while_muted_calls_nobody_before_it_is_free() -> None:
    made = world(notice(N1, N2))
    learn(made, truth(NOW, seen(N1)))
    before = picture(made.known, tuple(made.members.values()))
    again = truth(NOW, seen(N1), seen(N2, silenced_by=("x",)), silences=(silence("x"),))
    assert TruthReason.REFIRED in learn(made, again).reasons
    now = picture(made.known, tuple(made.members.values()))
    assert (now.firing, now.marks.joined) == (2, before.marks.joined)
    assert made.members[N2.fingerprint].episode == 2
    learn(made, truth(NOW, seen(N1), seen(N2)))
    free = picture(made.known, tuple(made.members.values()))
    assert free.marks.joined == before.marks.joined + 1
    assert made.known.hushed == 0


# Our own silences are followed through what other tools make of them.


def test_one_that_holds_as_asked_is_left_alone() -> None:
    made = held(OWN)
    told = truth(
        NOW,
        *(seen(one, silenced_by=("s1",)) for one in (N1, N2)),
        silences=(silence("s1", ends_at=OWN.ends_at, action="a1"),),
    )
    assert learn(made, told).incident is None
    assert made.members[N1.fingerprint].held is None


def audited(told: Corrected) -> list[tuple[str, str, str, str, str]]:
    """Return what the audit has of a correction: what, of which silence, whose, the result."""
    return [
        (line.kind, line.detail, line.actor, line.trail.open_id, line.trail.result)
        for line in told.lines
        if line.trail.result
    ]


def test_an_early_end_elsewhere_is_shown() -> None:
    made = held(OWN)
    over = silence("s1", "expired", ends_at=NOW + SECOND)
    told = learn(made, truth(NOW, seen(N1), seen(N2), silences=(over,)))
    assert told.reasons == (TruthReason.SILENCE_ENDED, TruthReason.UNSUPPRESSED)
    assert audited(told) == [("silence_expired", "s1", "Li", LI.open_id, "expired")]
    (after,) = made.known.silences
    assert (after.state, after.elsewhere) == (SilenceState.EXPIRED, True)
    assert after.ends_at == NOW + SECOND


def test_one_that_its_source_forgot_is_over() -> None:
    made = held(OWN)
    learn(made, truth(NOW, seen(N1), seen(N2)))
    assert made.known.silences[0].state is SilenceState.EXPIRED


def test_one_confirmed_after_the_question_is_not_missing() -> None:
    made = held(own(confirmed_at=NOW + HOUR))
    made.now = NOW + HOUR - MINUTE
    assert learn(made, truth(NOW, seen(N1), seen(N2))).incident is None


@pytest.mark.parametrize("after", [1, SECOND, APPLIED_WITHIN])
def test_nor_one_confirmed_while_the_truth_is_applied(after: int) -> None:
    made = held(own(confirmed_at=NOW + HOUR + after))
    made.now = NOW + HOUR - MINUTE
    assert learn(made, truth(NOW, seen(N1), seen(N2))).incident is None


@pytest.mark.parametrize("one", ["s1", "s2"])
def test_one_extended_or_replaced_keeps_who_asked_for_it(one: str) -> None:
    made = held(OWN)
    before = picture(made.known, tuple(made.members.values()))
    later = silence(one, ends_at=NOW + 3 * HOUR, action="a1")
    old = (silence("s1", "expired", ends_at=NOW),) if one == "s2" else ()
    told = truth(
        NOW,
        *(seen(each, silenced_by=(one,)) for each in (N1, N2)),
        silences=(later, *old),
    )
    learned = learn(made, told)
    assert learned.reasons == (TruthReason.SILENCE_CHANGED,)
    assert audited(learned) == [("silence_changed", one, "Li", LI.open_id, "changed")]
    (after,) = made.known.silences
    assert (after.silence_id, after.ends_at, after.actor) == (one, NOW + 3 * HOUR, LI)
    assert (after.state, after.elsewhere) == (SilenceState.ACTIVE, True)
    assert made.known.outside == ()
    now = picture(made.known, tuple(made.members.values()))
    assert why_edit(before, now) is CardReason.SUPPRESSED


def test_one_replaced_by_another_scope_is_somebody_elses() -> None:
    made = held(OWN)
    other = silence("s2", labels={"instance": "n1"}, action="a1")
    told = truth(NOW, seen(N1, silenced_by=("s2",)), seen(N2), silences=(other,))
    learn(made, told)
    assert made.known.silences[0].state is SilenceState.EXPIRED
    assert [one.id for one in made.known.outside] == ["s2"]


def test_one_that_was_given_up_and_exists_all_the_same_holds() -> None:
    made = held(own(state=SilenceState.FAILED, silence_id="", confirmed_at=None))
    there = silence("s1", ends_at=OWN.ends_at, action="a1")
    told = truth(NOW, *(seen(one, silenced_by=("s1",)) for one in (N1, N2)), silences=(there,))
    learn(made, told)
    assert made.known.silences[0].state is SilenceState.ACTIVE
    assert state(made.known, made.members.values()) is State.SUPPRESSED


def test_one_that_was_missed_and_is_back_is_shown_as_any_others() -> None:
    """The only peer that had heard of it was down for a while."""
    made = held(OWN)
    learn(made, truth(NOW, seen(N1), seen(N2)))
    assert made.known.silences[0].state is SilenceState.EXPIRED
    back = silence("s1", ends_at=NOW + HOUR, action="a1")
    told = truth(NOW, *(seen(one, silenced_by=("s1",)) for one in (N1, N2)), silences=(back,))
    learn(made, told)
    assert state(made.known, made.members.values()) is State.SUPPRESSED
    assert [one.id for one in made.known.outside] == ["s1"]


@pytest.mark.parametrize("ahead", [-SECOND, SECOND])
def test_one_that_ends_a_little_later_by_the_other_clock_is_not(ahead: int) -> None:
    made = held(own(state=SilenceState.EXPIRED, ends_at=NOW, ended_at=NOW))
    late = silence("s1", ends_at=NOW + MINUTE + ahead, action="a1")
    told = truth(NOW, *(seen(one, silenced_by=("s1",)) for one in (N1, N2)), silences=(late,))
    assert learn(made, told).incident is None


@pytest.mark.parametrize("stand", [SilenceState.REQUESTED, SilenceState.EXPIRING])
def test_what_is_under_way_is_left_to_those_who_drive_it(stand: SilenceState) -> None:
    made = held(own(state=stand))
    assert learn(made, truth(NOW, seen(N1), seen(N2))).incident is None


# What bodies leave out is looked up, and an incident does not end before it.


def test_what_was_left_out_joins() -> None:
    made = world(notice(N1, truncated=2))
    told = learn(made, truth(NOW, seen(N1), seen(N2), seen(N3)))
    assert told.reason is TruthReason.COMPLETED
    assert (made.known.truncated, made.known.joined, told.joined) == (0, 3, 2)
    assert learn(made, truth(NOW, seen(N1), seen(N2), seen(N3))).incident is None


def test_the_same_cut_again_is_no_news() -> None:
    made = world(notice(N1, truncated=1))
    learn(made, truth(NOW, seen(N1), seen(N2)))
    made.hear(notice(N1, truncated=1), 5 * MINUTE)
    assert made.known.truncated == 0


def test_a_body_that_says_all_is_over_ends_nothing_that_was_left_out() -> None:
    made = world(notice(N1, truncated=1))
    learn(made, truth(NOW, seen(N1), seen(N2)))
    made.hear(notice(alert("n1", firing=False), truncated=1), MINUTE)
    assert (made.known.closed_at, made.firing) == (None, {N2.fingerprint})
    learn(made, truth(NOW))
    assert made.known.closed_at is not None


def test_with_the_group_gone_nothing_is_left_out() -> None:
    made = world(notice(N1, truncated=1))
    other = SeenGroup("team", {"alertname": "Other"}, ())
    learn(made, truth(NOW, groups=(other,)))
    assert made.known.closed_at is not None


def test_two_routes_with_such_a_group_are_not_told_apart() -> None:
    made = world(notice(N1, truncated=1))
    both = SeenGroup("team", GROUP, (N1.fingerprint, N2.fingerprint), times=2)
    learn(made, truth(NOW, seen(N1), seen(N2), groups=(both,)))
    assert made.known.truncated == 1


def test_new_alerts_take_the_acknowledgement_as_a_body_would() -> None:
    made = world(notice(N1, truncated=1))
    made.incident = made.known._replace(ack=Ownership(LI, NOW))
    learn(made, truth(NOW, seen(N1), seen(N2)))
    assert made.known.ack is None


# A source that cannot be asked is said, at the lowest priority, and nothing is guessed.


def test_after_a_while_the_card_says_so_and_then_not_any_more() -> None:
    made = world(notice(N1))
    rules = TruthRules(answered_at=made.now)
    told = unheard(made.known, rules, made.now + STALE_AFTER)
    assert (told.reason, told.idle, told.members) == (TruthReason.STALE, True, ())
    assert told.incident is not None
    assert told.incident.stale_since == made.now
    before = picture(made.known, tuple(made.members.values()))
    stale = picture(told.incident, tuple(made.members.values()))
    assert why_edit(before, stale) is CardReason.STALE
    assert stale._replace(stale=False) == before
    assert unheard(told.incident, rules, made.now + HOUR).incident is None
    made.incident = told.incident
    fresh = learn(made, truth(NOW, seen(N1)), after=HOUR)
    assert (fresh.reasons, fresh.idle) == ((TruthReason.FRESH,), True)
    now = picture(made.known, tuple(made.members.values()))
    assert (why_edit(stale, now), now) == (CardReason.FRESH, before)


MUTED = st.sampled_from([{}, {"silenced_by": ("x",)}, {"inhibited_by": ("y",)}])


@given(
    st.lists(notices(), min_size=1, max_size=6),
    st.dictionaries(st.sampled_from(["n1", "n2", "n3", "n4"]), MUTED),
)
def test_with_a_truth_newer_than_all_words_the_card_is_the_truth(
    bodies: list[object], told: dict[str, dict[str, object]]
) -> None:
    made = world(*bodies)  # type: ignore[arg-type]
    if made.incident is None or made.known.closed_at is not None:
        return
    alerts = [
        seen(one, **told[one.labels["instance"]])
        for one in map(_named, sorted(told))
        if one.fingerprint in made.members
    ]
    learn(made, truth(NOW, *alerts, silences=(silence("x"),)), TruthRules(Rules()))
    assert made.firing == {one.fingerprint for one in alerts}
    now = picture(made.known, tuple(made.members.values()))
    assert now.muted == sum(one.suppressed for one in alerts)
    assert (now.state is State.RESOLVED) == (not alerts)
    assert (now.state is State.SUPPRESSED) == (bool(alerts) and now.muted == len(alerts))
    episodes = sum(member.episode for member in made.members.values())
    assert made.known.joined == episodes
    assert learn(made, truth(NOW, *alerts, silences=(silence("x"),))).incident is None


def _named(name: str) -> Alert:
    order = ("n1", "n2", "n3", "n4")
    return alert(name, severity=("critical", "error", "warning", "info")[order.index(name)])
