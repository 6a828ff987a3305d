"""Whatever becomes of a click, somebody is told so, in both languages."""

import itertools
import re

import msgspec
import pytest

from receiver.callback.toast import Toast
from receiver.callback.toasts import (
    NOT_KEPT,
    UNDERSTOOD_NOTHING,
    outcome_of,
    silence_toast,
    toast_for,
)
from receiver.channels.feishu.callback_answer import (
    ToastKind,
)
from receiver.domain.action import ActionKind, Verdict
from receiver.domain.custody import Custody, Ownership
from receiver.domain.incident import Incident, Kind
from receiver.domain.person import Actor
from receiver.domain.reason import ActionReason
from receiver.domain.silence import Silence, SilenceState
from receiver.telemetry.metrics import ACTION_OUTCOMES, ACTIONS

CHINESE = re.compile("[一-鿿]")
LI = Actor(open_id="ou_li", name="李雷")
INCIDENT = Incident(1, "prod", "team", "key", Kind.ALERTS, "DiskFull", {}, 0)
# Only these ask something of Alertmanager, whose answer is awaited.
ASKING = {
    *(ActionKind.SILENCE, ActionKind.CONFIRM_SILENCE, ActionKind.RESILENCE),
    *(ActionKind.EXTEND, ActionKind.UNSILENCE, ActionKind.APPROVE),
}
CASES = [
    (kind, reason)
    for kind, reason in itertools.product(ActionKind, ActionReason)
    if reason is not ActionReason.REQUESTED or kind in ASKING
]


def visible(toast: Toast) -> bool:
    """Say whether a toast says something in each language, and the platform takes its kind."""
    both = bool(CHINESE.search(toast.zh)) and toast.en.isascii() and bool(toast.en.strip())
    return both and ToastKind(toast.kind) in ToastKind


@pytest.mark.parametrize(("kind", "reason"), CASES)
def test_every_verdict_is_told(kind: ActionKind, reason: ActionReason) -> None:
    incident = INCIDENT._replace(ack=Ownership(Actor(open_id="ou_li"), 1))
    toast = toast_for(kind, Verdict(reason=reason), incident)
    assert visible(toast)
    assert toast != UNDERSTOOD_NOTHING


def test_verdicts_of_one_kind_are_told_apart() -> None:
    told = {
        reason: toast_for(ActionKind.SILENCE, Verdict(reason=reason), INCIDENT)
        for reason in ActionReason
    }
    assert len(set(told.values()) - {UNDERSTOOD_NOTHING}) == len(told)


@pytest.mark.parametrize("reason", [ActionReason.JOINED, ActionReason.NOT_YOURS])
def test_who_was_first_is_named(reason: ActionReason) -> None:
    helpers = (Ownership(Actor(open_id="ou_2"), 2),)
    incident = INCIDENT._replace(ack=Ownership(LI, 1), custody=Custody(helpers=helpers))
    toast = toast_for(ActionKind.ACKNOWLEDGE, Verdict(reason=reason), incident)
    assert "李雷" in toast.zh
    assert "李雷" in toast.en


DIGEST = INCIDENT._replace(kind=Kind.DIGEST)


@pytest.mark.parametrize(("kind", "reason"), CASES)
def test_every_verdict_about_a_digest_is_told(kind: ActionKind, reason: ActionReason) -> None:
    toast = toast_for(kind, Verdict(reason=reason, done=3, left=1), DIGEST)
    assert visible(toast)
    assert toast != UNDERSTOOD_NOTHING


@pytest.mark.parametrize(
    ("done", "left", "zh", "en"),
    [
        (295, 0, "已认领 295 个事件", "Acknowledged 295"),
        (
            290,
            5,
            "已认领 290 个事件,另有 5 个此前已恢复或已认领",
            "Acknowledged 290; 5 were over or acknowledged already",
        ),
    ],
)
def test_how_many_were_acknowledged_is_told(done: int, left: int, zh: str, en: str) -> None:
    verdict = Verdict(reason=ActionReason.DONE, done=done, left=left)
    assert toast_for(ActionKind.ACKNOWLEDGE, verdict, DIGEST) == Toast("success", zh, en)


def test_nobody_is_named_where_many_are_owned() -> None:
    verdict = Verdict(reason=ActionReason.ALREADY_ACKNOWLEDGED, left=7)
    toast = toast_for(ActionKind.ACKNOWLEDGE, verdict, DIGEST)
    assert toast.en == "All of these incidents are over or acknowledged already"


@pytest.mark.parametrize("problem", ["", "Alertmanager refused"])
@pytest.mark.parametrize("state", SilenceState)
def test_every_end_of_a_silence_is_told(state: SilenceState, problem: str) -> None:
    silence = Silence(
        id="a",
        state=state,
        scope="group",
        matchers=(("a", "b"),),
        actor=LI,
        comment="",
        asked_at=0,
        ends_at=1,
        problem=problem,
    )
    toast = silence_toast(ActionKind.SILENCE, silence)
    pending = state.endswith("ing") or state is SilenceState.REQUESTED
    assert (toast is None) == pending
    if toast is not None:
        assert visible(toast)
        failed = state is SilenceState.FAILED or (state is SilenceState.ACTIVE and bool(problem))
        assert (toast.kind == "error") == failed
        if failed:
            assert problem in toast.en
            assert problem in toast.zh


@pytest.mark.parametrize("toast", [NOT_KEPT, UNDERSTOOD_NOTHING])
def test_what_went_wrong_with_us_is_told(toast: Toast) -> None:
    assert visible(toast)
    assert toast.kind == "error"
    assert msgspec.json.encode(toast)


def test_outcomes_are_those_of_the_metric() -> None:
    assert {outcome_of(reason) for reason in ActionReason} <= set(ACTION_OUTCOMES)
    assert set(ACTIONS) == set(ActionKind)
