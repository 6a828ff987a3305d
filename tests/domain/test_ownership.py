"""Who looks after an incident: several people, for a while, until news or the time takes it."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from receiver.domain.action import Action, ActionKind, Verdict
from receiver.domain.alert import Alert
from receiver.domain.custody import Hold
from receiver.domain.decide import decide
from receiver.domain.due import fall_due, next_due
from receiver.domain.incident import Incident, Kind, Notice, Placement
from receiver.domain.ownership import (
    OWNERS_MOST,
    begun_anew,
    inherit,
    is_asked,
    is_owned,
    narrowed,
    next_lapse,
    owned_until,
    owners,
    released,
    same_person,
    unowned_since,
)
from receiver.domain.person import Actor
from receiver.domain.reason import ActionReason
from tests.domain.made import HOUR, LI, MINUTE, NOW, SECOND, WANG, World, alert, notice, world

ZHAO = Actor(open_id="ou_zhao", union_id="on_zhao", name="Zhao")
PEOPLE = (LI, WANG, ZHAO)
N1, N2, N3 = alert("n1"), alert("n2"), alert("n3")
MADE = world(notice(N1))
OPEN, MEMBERS = MADE.known, tuple(MADE.members.values())
AT = MADE.now + SECOND
ACK, BACK = ActionKind.ACKNOWLEDGE, ActionKind.UNACKNOWLEDGE
STILL, HAND = ActionKind.CONFIRM, ActionKind.HAND_OVER


def click(
    known: Incident, kind: ActionKind, actor: Actor = LI, now: int = AT, to: Actor | None = None
) -> Verdict:
    """Decide a click."""
    action = Action(id="a", kind=kind, incident=1, actor=actor, at=now, to=to, card=1)
    return decide(known, MEMBERS, action, now)


def after(verdict: Verdict) -> Incident:
    """Return what became of the incident."""
    assert verdict.incident is not None
    return verdict.incident


def done(known: Incident, *steps: tuple[ActionKind, Actor], now: int = AT) -> Incident:
    """Return what clicks make of an incident."""
    for kind, actor in steps:
        known = after(click(known, kind, actor, now))
    return known


def audited(verdict: Verdict) -> list[tuple[str, str, str, str]]:
    """Return what the audit has of it: what, to whom, with which result."""
    return [
        (line.kind, line.actor, line.trail.open_id, line.trail.result) for line in verdict.lines
    ]


def names(known: Incident) -> list[str]:
    """Return who has it, the lead first."""
    return [owner.actor.name for owner in owners(known)]


def test_several_people_may_acknowledge() -> None:
    first = after(click(OPEN, ACK, LI))
    second = click(first, ACK, WANG)
    assert second.reason is ActionReason.JOINED
    assert names(after(second)) == ["Li", "Wang"]
    again = click(after(second), ACK, WANG)
    assert (again.reason, again.incident) == (ActionReason.ALREADY_ACKNOWLEDGED, None)


def test_one_takes_back_one_s_own_and_the_next_leads() -> None:
    both = done(OPEN, (ACK, LI), (ACK, WANG))
    assert click(both, BACK, ZHAO).reason is ActionReason.NOT_YOURS
    left = after(click(both, BACK, LI))
    assert names(left) == ["Wang"]
    assert unowned_since(left) is None
    free = after(click(left, BACK, WANG, AT + HOUR))
    assert unowned_since(free) == AT + HOUR
    assert click(free, BACK, WANG).reason is ActionReason.NOT_ACKNOWLEDGED


def test_since_when_nobody_has_it() -> None:
    assert unowned_since(OPEN) == OPEN.opened_at
    assert unowned_since(OPEN._replace(closed_at=AT)) is None
    handled = after(click(OPEN, ActionKind.RESOLVE))
    assert unowned_since(handled) is None
    assert unowned_since(begun_anew(OPEN, AT + HOUR)) == AT + HOUR


def test_there_are_not_more_owners_than_a_card_can_name() -> None:
    crowd = OPEN
    for number in range(OWNERS_MOST):
        crowd = after(click(crowd, ACK, Actor(open_id=f"ou_{number}")))
    assert click(crowd, ACK, LI).reason is ActionReason.ENOUGH_OWNERS
    handed = after(click(crowd, HAND, ZHAO, to=LI))
    assert len(owners(handed)) == OWNERS_MOST


def test_who_hands_over_lets_go_and_nobody_else_is_taken_off() -> None:
    both = done(OPEN, (ACK, LI), (ACK, WANG))
    by_lead = after(click(both, HAND, LI, to=ZHAO))
    assert names(by_lead) == ["Zhao", "Wang"]
    by_other = after(click(both, HAND, ZHAO, to=Actor(open_id="ou_x", name="X")))
    assert names(by_other) == ["X", "Li", "Wang"]
    to_helper = after(click(both, HAND, LI, to=Actor(open_id="ou_wang")))
    assert [owner.actor for owner in owners(to_helper)] == [WANG]  # what is known of them stays
    assert click(both, HAND, ZHAO, to=LI).reason is ActionReason.LEADS_ALREADY
    assert click(OPEN, HAND).reason is ActionReason.NOBODY_CHOSEN


def test_the_chosen_person_is_called_but_not_by_themselves() -> None:
    handed = after(click(OPEN, HAND, LI, to=WANG))
    assert handed.custody.handed == 1
    taken = after(click(done(OPEN, (ACK, LI)), HAND, WANG, to=WANG))
    assert (taken.custody.handed, names(taken)) == (0, ["Wang", "Li"])


def test_an_owner_is_reminded_before_the_end_and_then_loses_it() -> None:
    owned = done(OPEN, (ACK, LI))
    assert next_due(owned) == AT + 25 * MINUTE
    assert fall_due(owned, AT + 25 * MINUTE - 1).incident is None
    verdict = fall_due(owned, AT + 25 * MINUTE)
    asked = after(verdict)
    assert is_asked(asked)
    assert audited(verdict) == [("reminded", "Li", LI.open_id, "reminded")]
    assert names(asked) == ["Li"]
    assert (asked.custody.reminded, next_due(asked)) == (1, AT + 30 * MINUTE)
    verdict = fall_due(asked, AT + 30 * MINUTE)
    free = after(verdict)
    assert (names(free), unowned_since(free)) == ([], AT + 30 * MINUTE)
    assert free.custody.lapsed == 1
    assert audited(verdict) == [("acknowledgement_lapsed", "Li", LI.open_id, "lapsed")]
    assert next_due(free) is None


def test_still_on_it_counts_anew() -> None:
    owned = done(OPEN, (ACK, LI))
    asked = after(fall_due(owned, AT + 26 * MINUTE))
    sure = after(click(asked, STILL, LI, AT + 27 * MINUTE))
    assert not is_asked(sure)
    assert owned_until(sure) == AT + 57 * MINUTE
    assert owners(sure)[0].at == AT  # since when they have it is not when they confirmed it


def test_still_on_it_of_somebody_else_takes_part() -> None:
    assert names(done(OPEN, (ACK, LI), (STILL, WANG))) == ["Li", "Wang"]
    assert names(done(OPEN, (STILL, WANG))) == ["Wang"]


def test_each_owner_has_their_own_time() -> None:
    owned = after(click(done(OPEN, (ACK, LI)), ACK, WANG, AT + 20 * MINUTE))
    asked = after(fall_due(owned, AT + 25 * MINUTE))
    assert [bool(owner.reminded) for owner in owners(asked)] == [True, False]
    left = after(fall_due(asked, AT + 30 * MINUTE))
    assert (names(left), left.custody.lapsed) == (["Wang"], 0)


def test_nobody_loses_it_without_having_been_asked() -> None:
    owned = done(OPEN, (ACK, LI))
    late = AT + 30 * 24 * HOUR  # we were down, or a clock was set
    asked = after(fall_due(owned, late))
    assert (names(asked), next_due(asked)) == (["Li"], late + 5 * MINUTE)
    assert names(after(fall_due(asked, late + 5 * MINUTE))) == []


def test_a_digest_asks_nobody() -> None:
    owned = done(OPEN, (ACK, LI))._replace(kind=Kind.DIGEST)
    assert next_due(owned) == AT + 30 * MINUTE
    assert names(after(fall_due(owned, AT + 30 * MINUTE))) == []


def routed(acknowledge_for: int, reopen_after: int, *more: Hold) -> World:
    """Return an incident whose routes say this about acknowledgements."""
    holds = (Hold(acknowledge_for, reopen_after), *more)
    placed = tuple(Placement(f"ops:oc_{at}", hold=hold) for at, hold in enumerate(holds))
    made = World()
    made.hear(notice(N1)._replace(placements=placed))
    return made


def owned_by_li(made: World) -> None:
    """Have Li acknowledge now."""
    made.incident = after(click(made.known, ACK, LI, made.now))


def test_of_several_routes_the_strictest_counts() -> None:
    made = routed(2 * HOUR, 5, Hold(HOUR, 3))
    assert made.known.custody.hold == Hold(HOUR, 3)
    placed = (Placement("ops:oc_9", hold=Hold(10 * MINUTE, 7)),)
    made.hear(notice(N2)._replace(placements=placed), MINUTE)
    assert made.known.custody.hold == Hold(10 * MINUTE, 3)


def more(*alerts: Alert, repeat: bool | None = None) -> Notice:
    """Return what a body says that brings no route."""
    return notice(*alerts, repeat=repeat)._replace(placements=())


def test_any_new_alert_re_opens_unless_the_route_says_how_many() -> None:
    made = routed(HOUR, 1)
    owned_by_li(made)
    made.hear(more(N2), MINUTE)
    assert unowned_since(made.known) == made.now
    made = routed(HOUR, 2)
    owned_by_li(made)
    made.hear(more(N1, repeat=True), 2 * HOUR)
    made.hear(more(N2), MINUTE)
    assert names(made.known) == ["Li"]
    assert made.known.joined - made.known.hushed == 1  # nobody is called for it
    made.hear(more(N3), MINUTE)
    assert names(made.known) == []
    assert unowned_since(made.known) == made.now


def test_alerts_count_from_the_last_look() -> None:
    made = routed(HOUR, 2)
    owned_by_li(made)
    made.hear(more(N2), MINUTE)
    made.incident = after(click(made.known, STILL, LI, made.now))
    made.hear(more(N3), MINUTE)
    assert names(made.known) == ["Li"]


def test_something_worse_re_opens_however_few() -> None:
    made = routed(HOUR, 100)
    owned_by_li(made)
    made.hear(more(alert("n4", severity="critical")), MINUTE)
    assert names(made.known) == []


def test_a_new_life_is_nobody_s() -> None:
    made = world(notice(N1))
    owned_by_li(made)
    made.hear(notice(alert("n1", firing=False)), MINUTE)
    assert names(made.known) == ["Li"]  # a resolved card still says who had it
    made.hear(notice(N1), MINUTE)
    assert (names(made.known), unowned_since(made.known)) == ([], made.now)


def test_who_takes_the_place_of_an_incident_takes_its_owners() -> None:
    old = done(OPEN, (ACK, LI), (ACK, WANG))
    new = inherit(done(OPEN._replace(id=2), (ACK, ZHAO), (ACK, LI)), old, AT)
    assert names(new) == ["Zhao", "Li", "Wang"]
    assert names(inherit(OPEN, old, AT)) == ["Li", "Wang"]
    assert inherit(OPEN, OPEN, AT) == OPEN


def test_people_are_told_apart_across_apps() -> None:
    assert same_person(LI, replace(LI, open_id="ou_of_another_app"))
    assert not same_person(LI, replace(WANG, open_id=LI.open_id))
    assert same_person(LI, Actor(open_id=LI.open_id))


holds = st.builds(Hold, st.integers(MINUTE, 7 * 24 * HOUR), st.integers(1, 1000))


@given(holds, st.lists(holds))
def test_narrowing_is_the_least_of_each(first: Hold, others: Sequence[Hold]) -> None:
    least = narrowed(first, *others)
    assert all(least.acknowledge_for <= hold.acknowledge_for for hold in (first, *others))
    assert least.reopen_after in {hold.reopen_after for hold in (first, *others)}


class Shift(RuleBasedStateMachine):
    """People click, alerts come and go, a clock jumps: what must hold at every moment."""

    def __init__(self) -> None:
        super().__init__()
        self.known = OPEN
        self.now = AT
        self.told = 0

    def take(self, verdict: Verdict) -> None:
        """Keep what a decision changes."""
        before, after_ = self.known, verdict.incident
        if after_ is None:
            return
        assert after_.revision > before.revision
        assert (after_.closed_at is None) == (before.closed_at is None)
        self.known = after_

    @rule(
        kind=st.sampled_from((ACK, BACK, STILL, HAND)),
        actor=st.sampled_from(PEOPLE),
        to=st.sampled_from((*PEOPLE, None)),
    )
    def clicks(self, kind: ActionKind, actor: Actor, to: Actor | None) -> None:
        """Somebody clicks; a click of another's never takes one off."""
        before = owners(self.known)
        self.take(click(self.known, kind, actor, self.now, to))
        gone = {owner.actor.open_id for owner in before} - {
            owner.actor.open_id for owner in owners(self.known)
        }
        assert gone <= {actor.open_id}

    @rule(jump=st.integers(-2 * HOUR, 3 * HOUR))
    def time_passes(self, jump: int) -> None:
        """Let the clock go on, or be set; what is due is done once."""
        self.now = max(self.now + jump, NOW)
        verdict = fall_due(self.known, self.now)
        self.take(verdict)
        again = fall_due(self.known, self.now)
        assert again.incident is None, "due twice"

    @rule(worse=st.booleans())
    def news(self, *, worse: bool) -> None:
        """Something takes it from them."""
        self.known = released(self.known, self.now) if worse else begun_anew(self.known, self.now)
        assert not is_owned(self.known)

    @invariant()
    def nobody_is_named_twice(self) -> None:
        """One person is one owner, and there are no helpers without a lead."""
        having = [owner.actor.union_id for owner in owners(self.known)]
        assert len(set(having)) == len(having)
        assert self.known.ack is not None or not self.known.custody.helpers

    @invariant()
    def it_is_owned_or_since_when_it_is_not_is_known(self) -> None:
        """Let what escalates count."""
        since = unowned_since(self.known)
        assert (since is None) == is_owned(self.known)

    @invariant()
    def the_clock_knows_when_to_look(self) -> None:
        """Each acknowledgement ends some day, whatever the clock did."""
        due = next_lapse(self.known)
        assert (due is None) == (not owners(self.known))
        if due is not None:
            assert fall_due(self.known, due).incident is not None


TestShift = Shift.TestCase


def test_what_was_hurried_before_the_end_is_not_taken_after_it() -> None:
    hurried = OPEN._replace(escalated=OPEN.escalated._replace(plan="db", hurried="Li"))
    assert begun_anew(hurried, AT).escalated == OPEN.escalated._replace(plan="db")
