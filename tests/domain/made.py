"""What the tests of the decisions make: small worlds by hand, and strategies for large ones."""

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from receiver.domain.absorb import absorb
from receiver.domain.alert import Alert, fingerprint
from receiver.domain.card import (
    Marks,
    Shown,
)
from receiver.domain.incident import Change, Incident, Member, Notice, Placement, Rules
from receiver.domain.person import Actor
from receiver.domain.reason import State

NOW = 1_800_000_000_000
SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

RULES = Rules()
LI = Actor(open_id="ou_li", union_id="on_li", name="Li")
WANG = Actor(open_id="ou_wang", union_id="on_wang", name="Wang")
PEER = "http://alertmanager-0:9093"
TWIN = "http://alertmanager-1:9093"
TARGET = "ops:oc_1"
KEY = '{}/{team="a"}:{alertname="Disk"}'


def alert(name: str = "n1", *, firing: bool = True, severity: str = "warning") -> Alert:
    """Make an alert of its own label set."""
    labels = {"alertname": "Disk", "instance": name, "severity": severity, "team": "a"}
    return Alert(fingerprint(labels), firing, labels, {"summary": f"disk of {name}"})


def notice(
    *alerts: Alert, peer: str = PEER, truncated: int = 0, repeat: bool | None = None
) -> Notice:
    """Make what a body of the one group says."""
    return Notice(
        source="prod",
        receiver="team",
        group_key=KEY,
        alerts=alerts,
        group_labels={"alertname": "Disk"},
        placements=(Placement(TARGET),),
        external_url=peer,
        truncated=truncated,
        repeat=repeat,
    )


class World:
    """An incident's group as a store would keep it, without one."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.incident: Incident | None = None
        self.members: dict[str, Member] = {}
        self.now = NOW
        self.opened = 0

    @property
    def known(self) -> Incident:
        """Return the newest incident, which must exist."""
        assert self.incident is not None
        return self.incident

    def hear(self, told: Notice, after: int = 0, rules: Rules = RULES) -> Change:
        """Apply a body so many ms later."""
        self.now += after
        change = absorb(self.incident, self.members, told, rules, self.now)
        if change.opened:
            self.opened += 1
            self.members = {}
        if change.incident is not None:
            self.incident = change.incident._replace(id=self.opened)
        self.members.update({member.fingerprint: member for member in change.members})
        for gone in change.forgotten:
            del self.members[gone]
        return change

    @property
    def firing(self) -> set[str]:
        """Return the fingerprints of what fires."""
        return {member.fingerprint for member in self.members.values() if member.firing}


def world(*bodies: Notice) -> World:
    """Return a world that has heard these bodies, one a second."""
    made = World()
    for body in bodies:
        made.hear(body, SECOND)
    return made


def shown(state: State = State.FIRING, firing: int = 1, marks: Marks | None = None) -> Shown:
    """Make what a target was shown."""
    return Shown(state, firing, Marks(joined=1) if marks is None else marks, 2, 0, "", "", ())


NAMES = ("n1", "n2", "n3", "n4")
Stream = list[tuple[Notice, int]]
SEVERITIES = ("critical", "error", "warning", "info", "strange")


@st.composite
def alerts(draw: st.DrawFn) -> Alert:
    """Draw an alert; equal names have equal labels, so that they meet again."""
    name = draw(st.sampled_from(NAMES))
    return alert(name, firing=draw(st.booleans()), severity=SEVERITIES[NAMES.index(name)])


def notices() -> st.SearchStrategy[Notice]:
    """Draw a body: any alerts, either peer, cut short or not, with or without a reason."""
    return st.builds(
        lambda told, peer, truncated, repeat: notice(
            *told, peer=peer, truncated=truncated, repeat=repeat
        ),
        st.lists(alerts(), max_size=5),
        st.sampled_from((PEER, TWIN)),
        st.sampled_from((0, 0, 0, 3)),
        st.sampled_from((None, True, False)),
    )


def gaps() -> st.SearchStrategy[int]:
    """Draw the time between two events: moments, repeats, flaps and days."""
    return st.sampled_from(
        (0, 1, SECOND, 8 * SECOND, 59 * SECOND, MINUTE, 5 * MINUTE, 11 * MINUTE, 26 * HOUR)
    )


def streams() -> st.SearchStrategy[Stream]:
    """Draw a sequence of bodies, each with the time since the one before."""
    return st.lists(st.tuples(notices(), gaps()), max_size=12)


def label_sets() -> st.SearchStrategy[dict[str, str]]:
    """Draw label sets of any text."""
    return st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=8), max_size=5)


def counters(incident: Incident) -> Sequence[int]:
    """Return the counters that only grow."""
    return (
        incident.revision,
        incident.joined,
        incident.raised,
        incident.reopened,
        incident.repeated,
    )


def firing_names(members: Mapping[str, Member]) -> list[str]:
    """Return the instances that fire, sorted."""
    return sorted(member.labels["instance"] for member in members.values() if member.firing)
