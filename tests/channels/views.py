"""The incidents that the tests of cards draw: one of each kind that people will meet."""

from dataclasses import replace
from typing import Any, Final

from receiver.channels.base import View
from receiver.domain.card import (
    Card,
    Marks,
    picture,
)
from receiver.domain.custody import Custody, Note, Ownership
from receiver.domain.incident import Ending, Incident, Kind, Member
from receiver.domain.person import Actor
from receiver.domain.reason import CardReason
from receiver.domain.request import Request
from receiver.domain.silence import GROUP_SCOPE, HOUR, Silence, SilenceState, alert_scope
from receiver.domain.suppression import Held, Outside

NOW: Final = 1_700_000_000_000
MINUTE: Final = 60_000
LI: Final = Actor(open_id="ou_li", name="李雷")
HAN: Final = Actor(open_id="ou_han", name="韩梅梅")
CARD: Final = Card(id=7, incident=12, target="ops:oc_1", mention=("li@example.com",))
GROUP_LABELS: Final = {"alertname": "DiskAlmostFull", "cluster": "eu-1"}
OUTSIDE: Final = Outside(
    "s9",
    "赵 <at id=all></at>",
    "new disks *today* (ou_x) [receiver:a2]",
    NOW + MINUTE,
    (("alertname", "=", "DiskAlmostFull"),),
)
RUNBOOK: Final = "https://runbooks.example.com/disk?section=a b"


class Tenant:
    """What the strict validator asks: who exists; there are no images, and nobody may call all."""

    def __init__(self, *people: str) -> None:
        self._people = people

    def person(self, who: str, /) -> bool:
        """Tell whether this id belongs to somebody."""
        return who in self._people

    def email(self, address: str, /) -> bool:
        """Tell whether this address belongs to somebody."""
        return address in self._people

    def image(self, key: str, /) -> bool:
        """Tell whether this image was uploaded."""
        return key in self._people

    def may_call_all(self) -> bool:
        """Tell whether a sender may mention everybody."""
        return "all" in self._people


def member(number: int, *, firing: bool = True, rank: int = 0, **labels: str) -> Member:
    """Return the alert of one disk."""
    own = {
        "alertname": "DiskAlmostFull",
        "severity": ("critical", "error", "warning", "info")[rank],
        "cluster": "eu-1",
        "namespace": "storage",
        "team": "storage",
        "job": "node",
        "instance": f"db-{number}:9100",
        "mountpoint": "/var/lib/postgresql",
    }
    annotations = {
        "summary": f"Disk of db-{number} is {90 + number % 10} % full",
        "description": "Only 4 GB are left on /var/lib/postgresql.\nWrites stop when it is full.",
        "runbook_url": RUNBOOK,
        "dashboard_url": "https://grafana.example.com/d/1/disks",
    }
    return Member(
        f"{number:016x}",
        firing,
        1,
        NOW - number * 10 * MINUTE,
        None if firing else NOW - MINUTE,
        rank,
        own | labels,
        annotations,
        "http://prometheus:9090/graph?g0.expr=node_filesystem_avail_bytes+%3C+5e9&g0.tab=1",
    )


def members(count: int, resolved: int = 0) -> list[Member]:
    """Return so many alerts, the last of them resolved."""
    return [member(n, firing=n <= count - resolved) for n in range(1, count + 1)]


def incident(alerts: list[Member], **changed: Any) -> Incident:
    """Return the incident of these alerts."""
    made = Incident(
        id=12,
        source="prod",
        receiver="on-call",
        group_key='{}/{team="storage"}:{alertname="DiskAlmostFull", cluster="eu-1"}',
        kind=Kind.ALERTS,
        title="DiskAlmostFull",
        group_labels=GROUP_LABELS,
        opened_at=NOW - 12 * MINUTE,
        revision=1,
        rank=min((alert.rank for alert in alerts), default=0),
        joined=len(alerts),
        external_url="http://alertmanager.example.com:9093",
    )
    return made._replace(**changed)


def view(
    alerts: list[Member],
    reason: CardReason = CardReason.FIRST,
    card: Card = CARD,
    **changed: Any,
) -> View:
    """Return what a card of these alerts is drawn from."""
    return View(
        incident=incident(alerts, **changed),
        members=alerts,
        card=card,
        now=NOW,
        reason=reason,
        people=("ou_li", "ou_han"),
    )


def later(shown: View, reason: CardReason, **changed: Any) -> View:
    """Return the same incident after its card was shown."""
    last = picture(shown.incident, shown.members)
    card = replace(shown.card, last=last, marks=last.marks, message_id="om_1")
    return replace(shown, card=card, reason=reason, incident=shown.incident._replace(**changed))


def silence(state: SilenceState, scope: str = GROUP_SCOPE, **changed: Any) -> Silence:
    """Return a silence of the group, or of the first alert."""
    matchers = tuple(sorted(GROUP_LABELS.items()))
    made = Silence(
        id="a1",
        state=state,
        scope=scope,
        matchers=matchers if scope == GROUP_SCOPE else alert_scope(member(1).labels),
        actor=LI,
        comment="正在扩容 / disk is being grown",
        asked_at=NOW - MINUTE,
        ends_at=NOW + HOUR,
        silence_id="0af1-22" if state is not SilenceState.REQUESTED else "",
        problem="HTTP 400: end time must not be in the past"
        if state is SilenceState.FAILED
        else "",
    )
    return replace(made, **changed)


def request() -> Request:
    """Return a wish for a silence that awaits a second person."""
    asked = silence(SilenceState.REQUESTED)
    return Request("a1", (asked,), "prod", NOW - MINUTE, NOW + 14 * MINUTE, 5)


def custody() -> Custody:
    """Return what two owners and three notes leave behind."""
    notes = (
        Note(LI, NOW - 20 * MINUTE, "the first of three"),
        Note(HAN, NOW - 9 * MINUTE, "磁盘已申请,预计 20 分钟到位 <at id=all></at>"),
        Note(LI, NOW - 2 * MINUTE, "[disk ordered](https://evil.example.com), **20 min**"),
    )
    return Custody(helpers=(Ownership(LI, NOW - 3 * MINUTE),), reminded=1, noted=3, notes=notes)


def _held(count: int, held: Held) -> list[Member]:
    return [one._replace(held=held) for one in members(count)]


def _gone(alerts: list[Member]) -> list[Member]:
    return [one._replace(gone=not one.firing) for one in alerts]


def _agent(kind: Kind, **changed: Any) -> View:
    told = Member(
        "a" * 16,
        True,
        1,
        NOW - 5 * MINUTE,
        None,
        1,
        {"severity": "error", "agent": "customer_service", "product": "payments"},
        {
            "summary": "Refund queue is growing",
            "markdown": "# What I saw\n**42** refunds wait, `queue=refunds`.\n- oldest: 3 h\n"
            "- see [the queue](https://queue.example.com/refunds)\n<at id=all></at>",
        },
        "",
    )
    return view(
        [told],
        CardReason.MESSAGE if kind is Kind.MESSAGE else CardReason.FIRST,
        **{
            "kind": kind,
            "title": "Refund queue is growing",
            "source": "customer_service",
            "receiver": "agent",
            "group_labels": {"product": "payments"},
            "closed_at": NOW if kind is Kind.MESSAGE else None,
            "links": (("Queue", "https://queue.example.com/refunds"), ("Bad", "javascript:1")),
            **changed,
        },
    )


def stories() -> dict[str, View]:
    """Return one view of each state that a card can show, by name."""
    many = view(members(5))
    single = view(members(1))
    owned = Ownership(LI, NOW - 3 * MINUTE)
    asked = Ownership(HAN, NOW - 26 * MINUTE, reminded=NOW - MINUTE)
    grown = view([*members(7, resolved=2), member(8)])
    marks = Marks(joined=5)
    news = later(grown, CardReason.NEW_ALERTS, truncated=7)
    return {
        "firing": many,
        "single": single,
        "warning": view([member(n, rank=2) for n in range(1, 4)]),
        "new_alerts": replace(news, card=replace(news.card, marks=marks)),
        "acknowledged": later(many, CardReason.ACKNOWLEDGED, ack=owned),
        "owners": later(many, CardReason.REMINDED, ack=asked, custody=custody()),
        "handled": later(many, CardReason.HANDLED, ack=owned, handled=Ownership(HAN, NOW)),
        "handled_only": later(many, CardReason.HANDLED, handled=Ownership(HAN, NOW)),
        "silence_requested": later(
            many, CardReason.SILENCED, silences=(silence(SilenceState.REQUESTED),)
        ),
        "silenced": later(
            many, CardReason.SILENCED, ack=owned, silences=(silence(SilenceState.ACTIVE),)
        ),
        "one_silenced": later(
            many, CardReason.SILENCED, silences=(silence(SilenceState.ACTIVE, f"{1:016x}"),)
        ),
        "silence_failed": later(
            many, CardReason.SILENCE_FAILED, silences=(silence(SilenceState.FAILED),)
        ),
        "unsilencing": later(
            many, CardReason.UNSILENCED, silences=(silence(SilenceState.EXPIRING),)
        ),
        "still_silenced": later(
            many,
            CardReason.UNSILENCED,
            silences=(silence(SilenceState.ACTIVE, problem="Alertmanager cannot be reached"),),
        ),
        "silence_over": later(
            many, CardReason.UNSILENCED, silences=(silence(SilenceState.EXPIRED),)
        ),
        "approval": later(many, CardReason.APPROVAL, requests=(request(),)),
        "approval_owned": later(many, CardReason.APPROVAL, ack=owned, requests=(request(),)),
        "resolved": later(
            view(members(3, resolved=3)), CardReason.ALL_RESOLVED, closed_at=NOW, ack=owned
        ),
        "late": view(members(1, resolved=1), CardReason.LATE, closed_at=NOW),
        "reopened": later(many, CardReason.REOPENED, reopened=2),
        "agent": _agent(Kind.AGENT),
        "agent_closed": later(
            _agent(Kind.AGENT), CardReason.ALL_RESOLVED, handled=owned, closed_at=NOW
        ),
        "silenced_elsewhere": later(
            view(_held(3, Held(silences=("s9",)))), CardReason.SUPPRESSED, outside=(OUTSIDE,)
        ),
        "silence_elsewhere_over": later(
            many, CardReason.UNSUPPRESSED, outside=(OUTSIDE._replace(over=True),)
        ),
        "silence_elsewhere_again": later(
            many,
            CardReason.UNSUPPRESSED,
            outside=(OUTSIDE._replace(over=True, ends_at=NOW - MINUTE, span=120 * MINUTE),),
        ),
        "inhibited": later(
            view(_held(2, Held(inhibitors=("NodeDown node=n1", "RackDown")))), CardReason.SUPPRESSED
        ),
        "muted": later(view(_held(1, Held(intervals=("nights",)))), CardReason.SUPPRESSED),
        "stale": later(many, CardReason.STALE, stale_since=NOW - 6 * MINUTE),
        "heir": later(many, CardReason.ACKNOWLEDGED, ack=owned, ancestors=(7, 9)),
        "some_gone": later(view(_gone(members(4, resolved=2))), CardReason.SOME_RESOLVED),
        "gone": later(
            view(_gone(members(3, resolved=3))),
            CardReason.ALL_RESOLVED,
            closed_at=NOW,
            ending=Ending.GONE,
        ),
        "superseded": later(
            view(_gone(members(2, resolved=2))),
            CardReason.SUPERSEDED,
            closed_at=NOW,
            ending=Ending.SUPERSEDED,
            heirs=(13, 14),
        ),
        "message": _agent(Kind.MESSAGE),
        "plain": _agent(Kind.MESSAGE, plain=True),
        "nothing": view([]),
        "no_group": view([member(1), member(2)], group_labels={}, group_key="{}:{}"),
    }
