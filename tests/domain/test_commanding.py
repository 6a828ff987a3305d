"""What a silence by command becomes."""

from receiver.domain.action import Action, ActionKind
from receiver.domain.decide import decide
from tests.domain.made import HOUR, LI, alert, notice, world

MADE = world(notice(alert("n1")))


def test_its_whole_life_is_told_with_its_place_and_trace() -> None:
    action = Action(
        id="a1",
        kind=ActionKind.SILENCE,
        incident=1,
        actor=LI,
        at=MADE.now,
        place="ops:oc_1",
        trace="00-1-2-01",
        matchers=(("alertname", "Disk"),),
        lasts=HOUR,
    )
    (wanted,) = decide(MADE.known, tuple(MADE.members.values()), action, MADE.now).silences
    assert (wanted.place, wanted.trace) == ("ops:oc_1", "00-1-2-01")
    assert wanted.trail("active").place == "ops:oc_1"
