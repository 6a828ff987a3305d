"""A second person: who may answer, what becomes of it, and when it is too late."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.action import Action, ActionKind, Verdict
from receiver.domain.admission import admit
from receiver.domain.decide import decide
from receiver.domain.due import fall_due, next_due
from receiver.domain.incident import Incident
from receiver.domain.matcher import equal
from receiver.domain.person import Actor
from receiver.domain.policy import Access, Permission, Policy, Rule, touched
from receiver.domain.proposal import Found
from receiver.domain.reason import ActionReason
from receiver.domain.request import APPROVAL_LIFE
from receiver.domain.silence import KEPT_FOR, RESOLVED, SilenceState
from receiver.domain.silencing import Conclusion, conclude
from tests.domain.made import HOUR, LI, MINUTE, WANG, alert, notice, world

MADE = world(notice(alert("n1"), alert("n2")))
OPEN, MEMBERS = MADE.known, tuple(MADE.members.values())
NOW = MADE.now + 1
ALL = Access(Policy((Rule(who=("all",), may=frozenset(Permission), broad=0),)))


HAN = Actor(open_id="ou_han", union_id="on_han", name="Han")


def click(kind: ActionKind, who: Actor, at: int = NOW, **keys: Any) -> Action:
    """Make a click."""
    made = Action(
        id=f"{kind}-{at}",
        kind=kind,
        incident=1,
        actor=who,
        at=at,
        place="ops:oc_1",
        duration="2h" if kind is ActionKind.SILENCE else "",
        comment="maintenance",
    )
    return replace(made, **keys)


def do(known: Incident, action: Action, access: Access = ALL) -> Verdict:
    """Decide a click as the store does."""
    verdict = decide(known, MEMBERS, action, action.at)
    what = touched(known, MEMBERS)._replace(muting=2)
    return admit(access, action, known, verdict, what, action.at)


def after(verdict: Verdict) -> Incident:
    """Return what a click made of the incident."""
    assert verdict.incident is not None
    return verdict.incident


ASKED = do(OPEN, click(ActionKind.SILENCE, LI))
WAITING = after(ASKED)
(REQUEST,) = WAITING.requests


def answer(kind: ActionKind, who: Actor, at: int = NOW + MINUTE, **keys: Any) -> Action:
    """Make an answer to what awaits one."""
    return click(kind, who, at, silence=keys.pop("silence", REQUEST.id), **keys)


def test_a_broad_silence_is_kept_and_not_made() -> None:
    assert ASKED.reason is ActionReason.AWAITS_APPROVAL
    assert (ASKED.silences, WAITING.silences) == ((), ())
    assert REQUEST.until == NOW + APPROVAL_LIFE
    assert next_due(WAITING) == REQUEST.until
    (line,) = ASKED.lines
    assert (line.kind, line.actor) == ("approval_requested", "Li")
    assert line.detail == "Li: alertname=Disk, team=a (2 firing)"


def test_another_person_makes_it_exactly_as_asked() -> None:
    verdict = do(WAITING, answer(ActionKind.APPROVE, WANG))
    assert verdict.reason is ActionReason.REQUESTED
    (asked,), (begun,) = REQUEST.silences, verdict.silences
    assert replace(begun, asked_at=asked.asked_at) == asked
    assert (begun.ends_at, begun.actor, begun.comment) == (NOW + 2 * HOUR, LI, "maintenance")
    assert begun.state is SilenceState.REQUESTED
    assert begun.asked_at == NOW + MINUTE  # its confirmation is awaited from now on
    assert after(verdict).requests == ()
    assert after(verdict).silences == (begun,)
    (line,) = verdict.lines
    assert (line.kind, line.actor) == ("approved", "Wang")


UNIONS = st.sampled_from(["", LI.union_id, "on_other"])
PLACES = st.sampled_from(["ops:oc_1", "other:oc_1", "ops:oc_2"])


@given(st.sampled_from([LI.open_id, "ou_elsewhere"]), UNIONS, PLACES)
def test_nobody_approves_their_own(open_id: str, union_id: str, place: str) -> None:
    """Whatever the app and the chat: an id of either kind tells who it is."""
    who = Actor(open_id=open_id, union_id=union_id, name="X")
    verdict = do(WAITING, answer(ActionKind.APPROVE, who, place=place))
    other = union_id == "on_other" or (not union_id and place.startswith("ops:"))
    if open_id != LI.open_id and other:
        assert verdict.reason is ActionReason.REQUESTED
        return
    assert verdict.reason is ActionReason.OWN_REQUEST
    assert verdict.incident is None
    assert verdict.silences == ()
    assert verdict.ruling is not None


@given(st.sampled_from([LI, WANG]), st.sampled_from(["", "other", REQUEST.id]), st.integers(0, 40))
def test_only_what_waits_can_be_answered(who: Actor, request: str, minutes: int) -> None:
    at = NOW + minutes * MINUTE
    verdict = do(WAITING, answer(ActionKind.APPROVE, who, at, silence=request))
    waits = request == REQUEST.id and at < REQUEST.until
    assert (verdict.reason is ActionReason.NOTHING_ASKED) is not waits
    assert bool(verdict.silences) is (waits and who is WANG)


def test_it_can_be_declined_and_taken_back() -> None:
    declined = do(WAITING, answer(ActionKind.DECLINE, WANG))
    assert (declined.reason, declined.lines[0].kind) == (ActionReason.DONE, "declined")
    assert (after(declined).requests, after(declined).silences) == ((), ())
    nothing = Access(Policy((Rule(who=("ou_x",), may=frozenset(Permission)),)))
    taken = do(WAITING, answer(ActionKind.DECLINE, LI), nothing)
    assert (taken.reason, taken.lines[0].kind) == (ActionReason.DONE, "withdrawn")
    refused = do(WAITING, answer(ActionKind.DECLINE, WANG), nothing)
    assert refused.reason is ActionReason.NOT_PERMITTED


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (Rule(who=("ou_wang",), may=frozenset(Permission)), ActionReason.REQUESTED),
        (Rule(who=("ou_li",), may=frozenset(Permission)), ActionReason.NOT_PERMITTED),
        (Rule(who=("all",), may=frozenset({Permission.SILENCE})), ActionReason.NOT_PERMITTED),
        (
            Rule(who=("all",), may=frozenset({Permission.APPROVE}), longest=HOUR),
            ActionReason.TOO_LONG,
        ),
    ],
)
def test_who_approves_must_be_permitted_to(rule: Rule, reason: ActionReason) -> None:
    verdict = do(WAITING, answer(ActionKind.APPROVE, WANG), Access(Policy((rule,))))
    assert verdict.reason is reason


def test_one_request_at_a_time_awaits_its_answer() -> None:
    second = do(WAITING, click(ActionKind.SILENCE, WANG, NOW + MINUTE))
    assert second.reason is ActionReason.ALREADY_ASKED
    assert second.incident is None
    later = do(WAITING, click(ActionKind.SILENCE, WANG, REQUEST.until))
    assert [one.silences[0].actor for one in after(later).requests] == [WANG]


def test_what_nobody_answers_lapses() -> None:
    assert fall_due(WAITING, REQUEST.until - 1).incident is None
    verdict = fall_due(WAITING, REQUEST.until)
    assert after(verdict).requests == ()
    assert after(verdict).revision == WAITING.revision + 1
    (line,) = verdict.lines
    assert (line.kind, line.actor, line.trail.result) == ("approval_lapsed", "Li", "lapsed")
    assert line.trail.place == "ops:oc_1"
    assert next_due(after(verdict)) is None


def test_what_is_over_is_not_approved() -> None:
    closed = WAITING._replace(closed_at=NOW)
    verdict = do(closed, answer(ActionKind.APPROVE, WANG))
    assert verdict.reason is ActionReason.RESOLVED_ALREADY


def test_a_longer_end_is_asked_for_too() -> None:
    begun = after(do(WAITING, answer(ActionKind.APPROVE, WANG)))
    told = Conclusion(incident=1, silence=REQUEST.id, state=SilenceState.ACTIVE, silence_id="s")
    active = after(conclude(begun, told, NOW + MINUTE))
    longer = do(active, click(ActionKind.EXTEND, WANG, NOW + 2 * MINUTE, duration="1h"))
    assert longer.reason is ActionReason.AWAITS_APPROVAL
    waiting = after(longer)
    assert waiting.silences == active.silences
    (request,) = waiting.requests
    yes = answer(ActionKind.APPROVE, HAN, NOW + 3 * MINUTE, silence=request.id)
    verdict = do(waiting, yes)
    (extending,) = verdict.silences
    assert extending.state is SilenceState.EXTENDING
    assert extending.wanted_end == active.silences[0].ends_at + HOUR
    over = waiting._replace(silences=())
    assert do(over, yes).reason is ActionReason.CHANGED


def test_what_was_looked_at_awaits_its_answer() -> None:
    found = Found(2)
    looked = do(OPEN, click(ActionKind.PREVIEW, LI, duration="2h", found=found))
    proposal = after(looked).proposal
    assert proposal is not None
    asked = do(
        after(looked),
        click(ActionKind.CONFIRM_SILENCE, LI, NOW + 1, silence=proposal.id, found=found),
    )
    assert asked.reason is ActionReason.AWAITS_APPROVAL
    assert after(asked).proposal is None
    (request,) = after(asked).requests
    assert request.silences[0].matchers == proposal.matchers


@pytest.mark.parametrize(("instance", "reason"), [("n1", "previewed"), ("n2", "not_permitted")])
def test_only_what_a_preview_would_mute_must_be_permitted(instance: str, reason: str) -> None:
    mine = Rule(
        who=("all",), may=frozenset({Permission.SILENCE}), matchers=(equal("instance", "n1"),)
    )
    member = next(one for one in MEMBERS if one.labels["instance"] == instance)
    preview = click(ActionKind.PREVIEW, LI, duration="2h", found=Found(1), scope=member.fingerprint)
    assert do(OPEN, preview, Access(Policy((mine,)))).reason == reason


def extension_of(who: Actor) -> tuple[Incident, str]:
    """Return an incident in which somebody wants a silence of Li's to last longer."""
    begun = after(do(WAITING, answer(ActionKind.APPROVE, WANG)))
    told = Conclusion(incident=1, silence=REQUEST.id, state=SilenceState.ACTIVE, silence_id="s")
    active = after(conclude(begun, told, NOW + MINUTE))
    waiting = after(do(active, click(ActionKind.EXTEND, who, NOW + 2 * MINUTE, duration="1h")))
    return waiting, waiting.requests[0].id


def test_nobody_approves_their_own_extension_of_anothers_silence() -> None:
    waiting, request = extension_of(WANG)
    assert waiting.requests[0].asker == WANG
    at = NOW + 3 * MINUTE
    own = do(waiting, answer(ActionKind.APPROVE, WANG, at, silence=request))
    assert (own.reason, own.incident) == (ActionReason.OWN_REQUEST, None)
    other = do(waiting, answer(ActionKind.APPROVE, LI, at, silence=request))
    assert other.reason is ActionReason.REQUESTED
    nothing = Access(Policy((Rule(who=("ou_x",), may=frozenset(Permission)),)))
    taken = do(waiting, answer(ActionKind.DECLINE, LI, at, silence=request), nothing)
    assert taken.reason is ActionReason.NOT_PERMITTED  # it is not Li's to take back


def test_an_extension_begins_from_the_silence_as_it_is_by_now() -> None:
    waiting, request = extension_of(WANG)
    (silence,) = waiting.silences
    moved = replace(silence, silence_id="replaced", ends_at=silence.ends_at + MINUTE)
    yes = answer(ActionKind.APPROVE, LI, NOW + 3 * MINUTE, silence=request)
    (begun,) = do(waiting._replace(silences=(moved,)), yes).silences
    assert (begun.silence_id, begun.ends_at) == ("replaced", moved.ends_at)
    assert begun.wanted_end == silence.ends_at + HOUR
    longer = replace(silence, ends_at=silence.ends_at + 2 * HOUR)
    assert do(waiting._replace(silences=(longer,)), yes).reason is ActionReason.CHANGED


def test_who_is_not_surely_the_asker_needs_permission_to_decline() -> None:
    nothing = Access(Policy((Rule(who=("ou_x",), may=frozenset(Permission)),)))
    stranger = Actor(open_id="ou_elsewhere", name="X")
    no = answer(ActionKind.DECLINE, stranger, place="other:oc_1")
    assert do(WAITING, no, nothing).reason is ActionReason.NOT_PERMITTED


def test_more_than_was_shown_is_not_approved_unseen() -> None:
    yes = answer(ActionKind.APPROVE, WANG)
    verdict = decide(WAITING, MEMBERS, yes, yes.at)
    more = touched(WAITING, MEMBERS)._replace(muting=3)
    again = admit(ALL, yes, WAITING, verdict, more, yes.at)
    assert (again.reason, again.silences) == (ActionReason.CHANGED, ())
    assert after(again).requests == (REQUEST._replace(muting=3),)
    shown = after(again)
    verdict = decide(shown, MEMBERS, yes, yes.at)
    assert admit(ALL, yes, shown, verdict, more, yes.at).reason is ActionReason.REQUESTED


def test_a_request_ends_with_its_incident() -> None:
    closed = WAITING._replace(closed_at=NOW + MINUTE)
    assert next_due(closed) == NOW + MINUTE
    assert after(fall_due(closed, NOW + MINUTE)).requests == ()


def test_what_is_kept_alive_is_begun_for_as_long_as_ever() -> None:
    asked = do(OPEN, click(ActionKind.SILENCE, LI, duration=RESOLVED))
    (request,) = after(asked).requests
    late = request.until - 1
    (begun,) = do(after(asked), answer(ActionKind.APPROVE, WANG, late, silence=request.id)).silences
    assert begun.ends_at == late + KEPT_FOR
    assert begun.keep_until == request.silences[0].keep_until
