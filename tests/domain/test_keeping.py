"""A silence that is kept alive goes on while its alert fires, and never beyond the maximum."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.action import Action, ActionKind, Verdict
from receiver.domain.decide import decide
from receiver.domain.incident import Incident
from receiver.domain.keeping import RENEW_APART, lapse, next_lapse
from receiver.domain.proposal import PROPOSAL_LIFE, Found
from receiver.domain.reason import ActionReason
from receiver.domain.scope import label_key, shared_labels
from receiver.domain.silence import (
    DURATIONS,
    HOUR,
    KEPT_FOR,
    LONGEST,
    MINUTE,
    RESOLVED,
    Silence,
    SilenceRules,
    SilenceState,
)
from receiver.domain.silencing import OVER_KEPT, Conclusion, conclude
from tests.domain.made import LI, WANG, alert, notice, world

MADE = world(notice(alert("n1"), alert("n2")))
OPEN, MEMBERS = MADE.known, tuple(MADE.members.values())
AT = MADE.now


def asked(kind: ActionKind, at: int = AT, **more: object) -> Action:
    """Make a click."""
    base = Action(id="a1", kind=kind, incident=1, actor=WANG, at=at, duration="1h")
    return replace(base, **more)  # type: ignore[arg-type]


def after(verdict: Verdict) -> Incident:
    """Return what became of the incident."""
    assert verdict.incident is not None
    return verdict.incident


def answered(known: Incident, at: int, **more: object) -> Verdict:
    """Have Alertmanager answer."""
    told = Conclusion(incident=1, silence="a1", state=SilenceState.ACTIVE, silence_id="s-1")
    return conclude(known, replace(told, **more), at)  # type: ignore[arg-type]


def active(lasts: str = RESOLVED, longest: int = LONGEST) -> Incident:
    """Return the incident with a silence that Alertmanager has."""
    click = asked(ActionKind.SILENCE, duration=lasts, rules=SilenceRules(longest=longest))
    return after(answered(after(decide(OPEN, MEMBERS, click, AT)), AT))


def fires(_: Silence) -> bool:
    """Say that it fires."""
    return True


def over(_: Silence) -> bool:
    """Say that nothing fires any more."""
    return False


@given(
    st.integers(HOUR, 3 * 24 * HOUR),
    st.lists(st.tuples(st.integers(1, 20 * MINUTE), st.booleans()), max_size=60),
)
def test_it_is_never_kept_beyond_the_maximum_nor_ends_early_while_it_is_extended(
    longest: int, steps: list[tuple[int, bool]]
) -> None:
    known, now = active(longest=longest), AT
    for pause, reached in steps:
        now += pause
        verdict = lapse(known, fires, now)
        known = verdict.incident or known
        (silence,) = known.silences
        assert silence.latest <= AT + longest
        if silence.state is SilenceState.EXPIRED:
            assert silence.ends_at <= now
            assert next_lapse(known) is None
            return
        if silence.state is SilenceState.EXTENDING:
            assert silence.wanted_end == min(now + KEPT_FOR, AT + longest)
            assert verdict.quiet
            told = {"ends_at": silence.wanted_end} if reached else {"problem": "gone away"}
            known = after(answered(known, now, **told))
            assert known.silences[0].ends_at <= AT + longest


def test_it_is_extended_in_time_and_no_card_is_raised_for_that() -> None:
    known = active()
    due = next_lapse(known)
    assert due is not None
    assert AT < due < known.silences[0].ends_at
    verdict = lapse(known, fires, due)
    assert (verdict.quiet, verdict.lines) == (True, ())
    (extending,) = verdict.silences
    done = answered(after(verdict), due, ends_at=extending.wanted_end)
    assert done.quiet
    assert after(done).revision == known.revision
    assert after(done).silences[0].ends_at == due + KEPT_FOR


def test_it_ends_when_nothing_fires_that_it_mutes() -> None:
    known = active()
    due = next_lapse(known)
    assert due is not None
    (ending,) = lapse(known, over, due).silences
    assert (ending.state, ending.unwanted) == (SilenceState.EXPIRING, True)
    closed = known._replace(closed_at=AT + MINUTE)
    assert next_lapse(closed) == AT + MINUTE
    (ending,) = lapse(closed, over, AT + MINUTE).silences
    assert ending.state is SilenceState.EXPIRING


def test_an_extension_that_fails_is_tried_again_later_and_told_once() -> None:
    known = active()
    due = next_lapse(known) or 0
    failed = answered(after(lapse(known, fires, due)), due, problem="gone away")
    assert not failed.quiet
    assert failed.lines[0].kind == "silence_unextended"
    again = next_lapse(after(failed))
    assert again == due + RENEW_APART
    twice = answered(after(lapse(after(failed), fires, again)), again, problem="gone away")
    assert twice.quiet


def test_what_time_ended_while_nobody_looked_is_over() -> None:
    verdict = lapse(active(), fires, AT + KEPT_FOR)
    assert verdict.incident is not None
    assert verdict.incident.silences[0].state is SilenceState.EXPIRED


@given(st.sampled_from(list(DURATIONS)), st.lists(st.sampled_from(list(DURATIONS)), max_size=5))
def test_extending_adds_to_the_end(first: str, more: list[str]) -> None:
    known, end = active(first), AT + DURATIONS[first]
    for number, added in enumerate(more):
        verdict = decide(
            known, MEMBERS, asked(ActionKind.EXTEND, id=f"e{number}", duration=added), AT
        )
        if end + DURATIONS[added] - AT > LONGEST:
            assert verdict.reason is ActionReason.TOO_LONG
            continue
        (extending,) = verdict.silences
        end += DURATIONS[added]
        assert (extending.state, extending.wanted_end) == (SilenceState.EXTENDING, end)
        assert extending.id == "a1"
        known = after(answered(after(verdict), AT, ends_at=end))
        assert known.silences[0].ends_at == end
        assert known.silences[0].state is SilenceState.ACTIVE


def test_an_extension_of_an_extension_waits_for_the_later_end() -> None:
    known = after(decide(active("1h"), MEMBERS, asked(ActionKind.EXTEND, id="e1"), AT))
    known = after(decide(known, MEMBERS, asked(ActionKind.EXTEND, id="e2"), AT))
    first = answered(known, AT, ends_at=AT + 2 * HOUR)
    assert after(first).silences[0].state is SilenceState.EXTENDING
    second = after(answered(after(first), AT, ends_at=AT + 3 * HOUR))
    assert (second.silences[0].state, second.silences[0].ends_at) == (
        SilenceState.ACTIVE,
        AT + 3 * HOUR,
    )


def test_an_extension_that_fails_leaves_the_silence_and_says_why() -> None:
    asking = after(decide(active("1h"), MEMBERS, asked(ActionKind.EXTEND, id="e1"), AT))
    known = after(answered(asking, AT, problem="gone away"))
    (silence,) = known.silences
    assert (silence.state, silence.ends_at, silence.unextended) == (
        SilenceState.ACTIVE,
        AT + HOUR,
        True,
    )
    gone = after(answered(asking, AT, state=SilenceState.EXPIRED))
    assert gone.silences[0].state is SilenceState.EXPIRED
    ending = after(decide(asking, MEMBERS, asked(ActionKind.UNSILENCE, id="u1"), AT))
    assert ending.silences[0].state is SilenceState.EXPIRING


def test_of_many_that_are_over_the_newest_are_kept() -> None:
    known = OPEN
    for number in range(3 * OVER_KEPT):
        at = AT + number * MINUTE
        click = asked(ActionKind.SILENCE, at, id=f"a{number}")
        known = after(decide(known, MEMBERS, click, at))
        told = Conclusion(incident=1, silence=f"a{number}", state=SilenceState.EXPIRED)
        known = after(conclude(known, told, at))
    assert [one.id for one in known.silences] == [
        f"a{number}" for number in range(2 * OVER_KEPT - 1, 3 * OVER_KEPT)
    ]


def test_what_is_kept_alive_has_no_end_to_extend() -> None:
    verdict = decide(active(), MEMBERS, asked(ActionKind.EXTEND, id="e1"), AT)
    assert verdict.reason is ActionReason.ALREADY_KEPT
    assert decide(OPEN, MEMBERS, asked(ActionKind.EXTEND), AT).reason is ActionReason.NOT_SILENCED


def test_what_a_digest_keeps_alive_is_not_made_longer_elsewhere() -> None:
    """Its copy in what was gathered ends at the maximum, and would be prolonged past it."""
    (kept,) = active().silences
    copy = replace(kept, ends_at=kept.keep_until, keep_until=0, wanted_end=0)
    late = kept.keep_until - HOUR
    extend = asked(ActionKind.EXTEND, late, id="e1", duration="8h")
    verdict = decide(active()._replace(silences=(copy,)), MEMBERS, extend, late)
    assert verdict.reason is ActionReason.ALREADY_KEPT


@given(st.sampled_from((*DURATIONS, RESOLVED)), st.integers(0, 30 * 24 * HOUR))
def test_silencing_again_repeats_the_matchers_and_the_time(lasts: str, later: int) -> None:
    known = active(lasts)
    old = known.silences[0]
    known = after(lapse(known, fires, old.ends_at))
    at = old.ends_at + later
    again = asked(ActionKind.RESILENCE, at, id="a2", silence="a1", duration="")
    (new,) = decide(known, MEMBERS, again, at).silences
    assert (new.matchers, new.scope, new.comment) == (old.matchers, old.scope, old.comment)
    assert new.span == old.span
    assert (new.state, new.id, new.actor) == (SilenceState.REQUESTED, "a2", WANG)
    live = decide(active(lasts), MEMBERS, again, at)
    assert live.reason is ActionReason.ALREADY_SILENCED
    unknown = asked(ActionKind.RESILENCE, at, silence="zz")
    assert decide(known, MEMBERS, unknown, at).reason is ActionReason.UNKNOWN_CHOICE


SEEN = Found(2, 1, ("Disk n1",), ("m1", "m2"))


def previewed(found: Found = SEEN) -> Incident:
    """Return the incident with a preview in card 3."""
    looked = asked(ActionKind.PREVIEW, duration="2h", found=found, card=3, comment="why")
    verdict = decide(OPEN, MEMBERS, looked, AT)
    assert (verdict.reason, verdict.silences) == (ActionReason.PREVIEWED, ())
    return after(verdict)


def confirmed(known: Incident, found: Found | None, at: int = AT, about: str = "a1") -> Verdict:
    """Confirm what was previewed."""
    click = asked(
        ActionKind.CONFIRM_SILENCE, at, id="c1", actor=LI, silence=about, duration="", found=found
    )
    return decide(known, MEMBERS, click, at)


def test_confirming_makes_exactly_what_was_previewed() -> None:
    known = previewed()
    assert known.proposal is not None
    (made,) = confirmed(known, SEEN, AT + MINUTE).silences
    assert made.matchers == known.proposal.matchers
    assert (made.ends_at, made.comment, made.actor) == (AT + MINUTE + 2 * HOUR, "why", LI)
    assert after(confirmed(known, SEEN)).proposal is None
    fewer = Found(1, 0, ("Disk n1",), ("m2",))
    assert confirmed(known, fewer).reason is ActionReason.REQUESTED


def test_what_would_mute_more_by_now_must_be_looked_at_again() -> None:
    more = Found(3, 1, ("Disk n1",), ("m1", "m2", "m3"))
    verdict = confirmed(previewed(), more, AT + MINUTE)
    assert (verdict.reason, verdict.silences) == (ActionReason.CHANGED, ())
    proposal = after(verdict).proposal
    assert proposal is not None
    assert (proposal.found, proposal.id, proposal.at) == (more, "a1", AT + MINUTE)
    assert confirmed(after(verdict), more, AT + MINUTE).reason is ActionReason.REQUESTED
    assert confirmed(previewed(), None).reason is ActionReason.CHANGED


def test_a_preview_lapses() -> None:
    known = previewed()
    assert next_lapse(known) == AT + PROPOSAL_LIFE
    assert confirmed(known, SEEN, AT + PROPOSAL_LIFE).reason is ActionReason.PREVIEW_OVER
    assert confirmed(known, SEEN, about="other").reason is ActionReason.PREVIEW_OVER
    assert lapse(known, fires, AT + PROPOSAL_LIFE - 1).incident is None
    gone = after(lapse(known, fires, AT + PROPOSAL_LIFE))
    assert (gone.proposal, gone.revision) == (None, known.revision + 1)
    cancel = asked(ActionKind.CANCEL, id="c2", silence="a1")
    assert after(decide(known, MEMBERS, cancel, AT)).proposal is None
    assert decide(gone, MEMBERS, cancel, AT).reason is ActionReason.PREVIEW_OVER


def test_chosen_labels_are_previewed_before_they_are_silenced() -> None:
    key = label_key(*shared_labels(MEMBERS)[0])
    click = asked(ActionKind.SILENCE, labels=(key,), found=SEEN, card=3)
    verdict = decide(OPEN, MEMBERS, click, AT)
    assert (verdict.reason, verdict.silences) == (ActionReason.PREVIEWED, ())
