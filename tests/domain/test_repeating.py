"""What another tool's silence muted is muted again as it was, or not offered at all."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.action import Action, ActionKind
from receiver.domain.decide import decide
from receiver.domain.incident import Incident
from receiver.domain.matcher import Operator
from receiver.domain.reason import ActionReason
from receiver.domain.repeating import AGAIN_WITHIN, Again, offered_again, repeatable
from receiver.domain.silence import LONGEST, SilenceState
from receiver.domain.suppression import MATCHERS_MOST, Held, Outside
from receiver.domain.upheld import outside_of
from tests.domain.made import HOUR, LI, MINUTE, NOW, SECOND, alert, notice, world
from tests.domain.test_silence import silence as own
from tests.domain.truths import silence

MADE = world(notice(alert("n1")))
OPEN, MEMBERS = MADE.known, tuple(MADE.members.values())
EQUAL = (("alertname", "=", "Disk"),)
OVER = Outside("s9", "bob", "new disks", NOW, EQUAL, over=True, span=2 * HOUR)


def known(*outside: Outside) -> Incident:
    return OPEN._replace(outside=outside)


def offered(*outside: Outside, now: int = NOW) -> Again | None:
    return offered_again(known(*outside), MEMBERS, LONGEST, now)


def tap(silence: str) -> Action:
    return Action(
        id="b1", kind=ActionKind.RESILENCE, incident=1, actor=LI, at=NOW + SECOND, silence=silence
    )


@given(
    st.lists(
        st.tuples(st.sampled_from(["alertname", "x"]), st.sampled_from(Operator), st.text()),
        max_size=MATCHERS_MOST + 1,
    ),
    st.integers(-HOUR, LONGEST + HOUR),
    st.booleans(),
    st.sampled_from(list(SilenceState)),
)
def test_only_what_can_be_made_exactly_is_offered_and_taken(
    matchers: list[tuple[str, Operator, str]], span: int, over: bool, state: SilenceState
) -> None:
    kept = tuple((name, str(operator), value) for name, operator, value in matchers)
    here = known(OVER._replace(matchers=kept, span=span, over=over))
    here = here._replace(silences=(own(state, (("a", "b"),)),))
    found = offered_again(here, MEMBERS, LONGEST, NOW)
    if found is None:
        return
    assert over
    assert not here.silences[0].live
    assert all(operator is Operator.EQUAL and value for _, operator, value in matchers)
    assert len(matchers) < MATCHERS_MOST
    verdict = decide(here, MEMBERS, tap(found.id), NOW + SECOND)
    assert verdict.reason is ActionReason.REQUESTED
    (made,) = verdict.silences
    assert set(made.matchers) == {(name, value) for name, _, value in matchers}
    assert abs(made.span - span) <= 2 * SECOND


def test_another_tools_silence_is_made_again_as_long_and_for_the_same_reason() -> None:
    found = offered(OVER)
    assert found is not None
    assert (found.lasts, found.comment) == ("2h", "new disks")
    (made,) = decide(known(OVER), MEMBERS, tap(found.id), NOW + SECOND).silences
    assert (made.matchers, made.span, made.actor) == ((("alertname", "Disk"),), 2 * HOUR, LI)
    assert (made.comment, made.scope, made.lasts) == ("new disks", "labels", "2h")
    odd = offered(OVER._replace(span=100 * MINUTE))
    assert odd is not None
    (made,) = decide(known(OVER._replace(span=100 * MINUTE)), MEMBERS, tap(odd.id), NOW).silences
    assert made.ends_at == NOW + SECOND + 100 * MINUTE


def test_one_of_another_card_of_ours_is_copied_without_its_marks() -> None:
    found = offered(OVER._replace(comment="why (ou_x) [receiver:a2]"))
    assert found is not None
    assert found.comment == "why"


def test_what_is_not_offered_is_not_taken_either() -> None:
    for operator in (Operator.NOT_EQUAL, Operator.MATCHES, Operator.NOT_MATCHES):
        mixed = OVER._replace(matchers=(*EQUAL, ("x", str(operator), "y")))
        assert offered(mixed) is None
        found = offered(OVER)
        assert found is not None
        assert repeatable(known(mixed), found.id) is ActionReason.UNKNOWN_CHOICE
    for other in (
        OVER._replace(matchers=(*EQUAL, ("x", "=", ""))),
        OVER._replace(matchers=()),
        OVER._replace(matchers=tuple((f"l{n}", "=", "") for n in range(MATCHERS_MOST))),
        OVER._replace(over=False),
        OVER._replace(span=0),
        OVER._replace(span=LONGEST + 1),
        OVER._replace(matchers=(("alertname", "=", "Other"),)),
        OVER._replace(ends_at=NOW - AGAIN_WITHIN),
    ):
        assert offered(other) is None


def test_the_last_that_ended_is_offered_and_none_while_one_is_live_or_all_is_muted() -> None:
    ended = replace(own(SilenceState.EXPIRED), silence_id="s1", ended_at=NOW - MINUTE)
    here = known(OVER)._replace(silences=(ended,))
    found = offered_again(here, MEMBERS, LONGEST, NOW)
    assert found is not None
    assert found.comment == "new disks"
    later = here._replace(silences=(replace(ended, ended_at=NOW + 1),))
    found = offered_again(later, MEMBERS, LONGEST, NOW + 1)
    assert found is not None
    assert found.id == "a1"
    live = here._replace(silences=(own(SilenceState.REQUESTED),))
    assert offered_again(live, MEMBERS, LONGEST, NOW) is None
    held = tuple(member._replace(held=Held(inhibitors=("x",))) for member in MEMBERS)
    assert offered_again(here, held, LONGEST, NOW) is None
    assert offered_again(here._replace(closed_at=NOW), MEMBERS, LONGEST, NOW) is None


def test_how_long_it_was_to_last_is_kept_when_somebody_ends_it_early() -> None:
    told = silence("s9", ends_at=NOW + 2 * HOUR)._replace(starts_at=NOW)
    muted = [member._replace(held=Held(silences=("s9",))) for member in MEMBERS]
    live = outside_of((), muted, {"s9": told}, NOW)
    ended = told._replace(state="expired", ends_at=NOW + MINUTE)
    (after,) = outside_of(live, MEMBERS, {"s9": ended}, NOW + MINUTE)
    assert (after.over, after.ends_at, after.span) == (True, NOW + MINUTE, 2 * HOUR)
