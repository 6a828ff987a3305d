"""The storms that the tests of digests draw: open, taken, muted, over, late, and of two sources."""

from typing import Any, Final

from receiver.channels.base import View
from receiver.domain.card import Card
from receiver.domain.custody import Ownership
from receiver.domain.digest import Gathered, make, shared_matchers
from receiver.domain.incident import Incident, Kind
from receiver.domain.reason import CardReason, State
from receiver.domain.silence import HOUR, SHARED_SCOPE, Silence, SilenceState
from tests.channels.views import LI, MINUTE, NOW

SEVERITIES: Final = ("critical", "error", "warning", "info")
NAMES: Final = ("PodCrashLooping", "HighLatency", "KubeNodeNotReady")
SPACES: Final = ("shop", "pay", "core", "search")
CARD: Final = Card(id=3, incident=900, target="ops:oc_1")
ALERTMANAGER: Final = "http://alertmanager.example.com:9093"
PROMETHEUS: Final = (
    "http://prometheus:9090/graph?g0.expr="
    "rate(kube_pod_container_status_restarts_total%5B5m%5D)+%3E+0&g0.tab=1"
)


def one(number: int, **changed: Any) -> Gathered:
    """Return an incident of a cluster that loses a rack."""
    rank = 1 if number % 12 == 0 else 3 if number % 5 == 0 else 2
    name = NAMES[2 if number % 12 == 0 else number % 3 == 0]
    labels = {
        "alertname": name,
        "severity": SEVERITIES[rank],
        "cluster": "eu-1",
        "job": "kube-state-metrics",
        "namespace": SPACES[0 if number % 2 else number % 4],
        "pod": f"checkout-7d9f8b6c5-{number:05x}",
    }
    made = Gathered(
        incident=number,
        kind=Kind.ALERTS,
        source="prod",
        title=name,
        rank=rank,
        state=State.FIRING,
        firing=3 if number % 7 == 0 else 1,
        since=NOW - 4 * MINUTE + number * 100,
        labels=labels,
        url=PROMETHEUS,
    )
    return made._replace(**changed)


def many(count: int, **changed: Any) -> list[Gathered]:
    """Return so many incidents of one storm."""
    return [one(number, **changed) for number in range(1, count + 1)]


def storm(gathered: list[Gathered], *, late: bool = False, **changed: Any) -> View:
    """Return what the digest of these incidents is drawn from."""
    incident = Incident(
        id=900,
        source="receiver",
        receiver="",
        group_key="digest:ops:oc_1",
        kind=Kind.DIGEST,
        title="",
        group_labels={},
        opened_at=NOW - 3 * MINUTE,
        revision=17,
        links=(("prod", ALERTMANAGER), ("lab", "http://lab.example.com:9093/am")),
    )
    reason = CardReason.DIGEST
    if changed.get("closed_at") is not None:
        reason = CardReason.LATE if late else CardReason.DIGEST_CLOSED
    return View(
        incident=incident._replace(**changed),
        members=(),
        card=CARD,
        now=NOW,
        reason=reason,
        digest=make(gathered, late=late),
    )


def muting(view: View, state: SilenceState, **changed: Any) -> Silence:
    """Return a silence of what a digest's alerts share."""
    assert view.digest is not None
    values: dict[str, Any] = {
        "id": "a1",
        "state": state,
        "scope": SHARED_SCOPE,
        "matchers": shared_matchers(view.digest),
        "actor": LI,
        "comment": "机架断电 / rack lost power",
        "asked_at": NOW - MINUTE,
        "ends_at": NOW + HOUR,
        "problem": "HTTP 400: no" if state is SilenceState.FAILED else "",
    }
    return Silence(**values | changed)


def storms() -> dict[str, View]:
    """Return one digest of each kind that people will meet, by name."""
    fire = many(295)
    acked = [each._replace(state=State.ACKNOWLEDGED) for each in fire[:290]]
    muted = [each._replace(state=State.SUPPRESSED) for each in fire]
    over = [each._replace(state=State.RESOLVED, firing=0) for each in fire]
    owned = Ownership(LI, NOW - MINUTE)
    lab = [one(n, source="lab", title="BatteryLow") for n in range(300, 340)]
    told = one(
        500, kind=Kind.MESSAGE, source="bot", title="Deployed", state=State.NOTE, labels={}, url=""
    )
    mute = muting(storm(fire), SilenceState.ACTIVE)
    return {
        "open": storm(fire),
        "some_over": storm([*fire[:200], *over[200:]]),
        "acknowledged": storm(acked, ack=owned),
        "some_acknowledged": storm([*acked, *fire[290:]], ack=owned),
        "silenced": storm(muted, silences=(mute,)),
        "two_sources": storm([*many(60), *lab, told]),
        "over": storm(over, closed_at=NOW),
        "over_some_fire": storm([*fire[:40], *over[40:]], closed_at=NOW),
        "all_resolved": storm(over),
        "late": storm(over[:37], late=True, closed_at=NOW),
        "one": storm(fire[:1]),
        "none": storm([]),
    }
