"""What a source says is true, made by hand and drawn."""

from collections.abc import Mapping

from receiver.domain.alert import Alert
from receiver.domain.matcher import equal
from receiver.domain.reconcile import Corrected, TruthRules, correct, index
from receiver.domain.truth import WARM_UP, SeenAlert, SeenGroup, SeenSilence, Truth
from tests.domain.made import MINUTE, World

LONG_UP = 2 * WARM_UP
GROUP = {"alertname": "Disk"}


def seen(told: Alert, **other: object) -> SeenAlert:
    """Make an alert as the source shows it."""
    plain = SeenAlert(
        told.fingerprint, told.labels, told.annotations, None, None, "", ("team",), (), (), ()
    )
    return plain._replace(**other)  # type: ignore[arg-type]


def silence(
    one: str = "s1", state: str = "active", labels: Mapping[str, str] = GROUP, **other: object
) -> SeenSilence:
    """Make a silence as the source shows it; times are the caller's."""
    matchers = tuple(equal(name, value) for name, value in sorted(labels.items()))
    plain = SeenSilence(one, state, matchers, 0, 1 << 50, "bob", "planned work", "")
    return plain._replace(**other)  # type: ignore[arg-type]


def truth(at: int, *alerts: SeenAlert, **other: object) -> Truth:
    """Make a truth, of a source that runs for long; its one group has all alerts."""
    group = SeenGroup("team", GROUP, tuple(one.fingerprint for one in alerts))
    plain = Truth(
        at,
        {one.fingerprint: one for one in alerts},
        (),
        (group,) if alerts else (),
        up_since=at - LONG_UP,
    )
    return plain._replace(**other)  # type: ignore[arg-type]


def learn(
    world: World, told: Truth, rules: TruthRules | None = None, after: int = MINUTE
) -> Corrected:
    """Tell a world what its source says, so many ms after its last body."""
    world.now += after
    moved = told._replace(at=world.now, up_since=told.up_since + world.now - told.at)
    corrected = correct(world.known, world.members, index(moved), rules or TruthRules(), world.now)
    if corrected.incident is not None:
        world.incident = corrected.incident
    world.members.update({member.fingerprint: member for member in corrected.members})
    return corrected
