"""What one source says is true, as of one moment; the peers of a cluster are heard as one."""

from collections import Counter
from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

from receiver.domain.matcher import Matcher

# Alerts live in Alertmanager's memory alone. After its restart Prometheus tells of each again
# within its resend delay and one evaluation of the rule, a minute each by default:
# https://prometheus.io/docs/prometheus/latest/command-line/prometheus/
WARM_UP = 3 * 60_000
# What is said so many ms after a truth was heard may still meet it: applying one takes a while.
APPLIED_WITHIN = 60_000
EXPIRED = "expired"

GroupName = tuple[str, tuple[tuple[str, str], ...]]


def group_name(receiver: str, labels: dict[str, str]) -> GroupName:
    """Return what tells a group from others where no group key is shown."""
    return receiver, tuple(sorted(labels.items()))


def is_newer(word: int, at: int, now: int) -> bool:
    """Say whether what was said at ``word`` may be newer than a truth asked for at ``at``.

    ``now`` is when the truth was heard; what comes while it is applied is newer too. A word that
    is further ahead was kept by another clock, and says nothing.
    """
    return at <= word <= now + APPLIED_WITHIN


class SeenAlert(NamedTuple):
    """An alert that is not over, as Alertmanager shows it; times in Unix ms.

    ``silenced_by`` are ids of silences, ``inhibited_by`` fingerprints of the alerts that inhibit
    it, ``muted_by`` names of time intervals (0.28 and later). ``receivers`` are plain names.
    """

    fingerprint: str
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: int | None
    ends_at: int | None
    url: str
    receivers: tuple[str, ...]
    silenced_by: tuple[str, ...]
    inhibited_by: tuple[str, ...]
    muted_by: tuple[str, ...]
    updated_at: int = 0

    @property
    def suppressed(self) -> bool:
        """Whether Alertmanager notifies nobody of it, not even of its end."""
        return bool(self.silenced_by or self.inhibited_by or self.muted_by)


class SeenSilence(NamedTuple):
    """A silence, whoever made it; ``state`` is pending, active or expired. Times in Unix ms.

    ``action`` is the id of ours that asked for it, or empty where it was made elsewhere. The
    matchers are for showing and copying: whom it mutes, each alert says (``silenced_by``).
    """

    id: str
    state: str
    matchers: tuple[Matcher, ...]
    starts_at: int
    ends_at: int
    created_by: str
    comment: str
    action: str
    updated_at: int = 0


class SeenGroup(NamedTuple):
    """What Alertmanager notifies together; it shows no group key, so labels tell which it is.

    ``times`` is how many routes make a group of these labels for this receiver.
    """

    receiver: str
    labels: dict[str, str]
    fingerprints: tuple[str, ...]
    times: int = 1

    @property
    def name(self) -> GroupName:
        """What tells a group from others, as far as the API shows it."""
        return group_name(self.receiver, self.labels)


class Truth(NamedTuple):
    """What a source says; ``at`` is before the first question was sent, in Unix ms.

    ``up_since`` is when the peer that runs longest began, 0 where the source does not say: what
    is absent may only not have been told again yet, see ``tells_absence``. ``unanswered`` says
    of each peer that gave no whole answer what was wrong.
    """

    at: int
    alerts: dict[str, SeenAlert]
    silences: tuple[SeenSilence, ...]
    groups: tuple[SeenGroup, ...]
    up_since: int = 0
    unanswered: tuple[str, ...] = ()

    def tells_absence(self, warm_up: int = WARM_UP) -> bool:
        """Say whether an alert that is absent is over, rather than forgotten by a restart."""
        return self.at - self.up_since >= warm_up


class Unanswered(NamedTuple):
    """No peer gave a whole answer, so nothing is known; ``problem`` names peers and cure."""

    problem: str


def merge(views: tuple[Truth, ...]) -> Truth:
    """Return what several peers of one cluster say together; the order of views is no matter.

    Peers gossip silences, not alerts: each sender tells every peer, and a peer that was cut off
    or began anew lacks some. So an alert is present where any peer has it, and absent only where
    all lack it. A peer that does not answer is not waited for: it would be told of the alert by
    the same senders, and one that is down for good must not keep every card red.

    Raises:
        ValueError: there is no view.

    """
    if not views:
        raise ValueError("at least one peer must have answered")
    silences = _silences(views)
    over = {silence.id for silence in silences if silence.state == EXPIRED}
    return Truth(
        at=min(view.at for view in views),
        alerts=_alerts(views, over),
        silences=silences,
        groups=_groups(views),
        up_since=min(view.up_since for view in views),
        unanswered=tuple(sorted(set(chain.from_iterable(view.unanswered for view in views)))),
    )


def _silences(views: tuple[Truth, ...]) -> tuple[SeenSilence, ...]:
    """Of each silence the newest version, as the peers themselves settle it; a tie is over."""
    newest: dict[str, SeenSilence] = {}
    for silence in chain.from_iterable(view.silences for view in views):
        known = newest.get(silence.id)
        if known is None or _age(known) < _age(silence):
            newest[silence.id] = silence
    return tuple(newest[one] for one in sorted(newest))


def _age(silence: SeenSilence) -> tuple[int, bool, int, str]:
    over = silence.state == EXPIRED
    return silence.updated_at, over, silence.ends_at, repr(silence)


def _alerts(views: tuple[Truth, ...], over: set[str]) -> dict[str, SeenAlert]:
    told: dict[str, list[SeenAlert]] = {}
    for view in views:
        for alert in view.alerts.values():
            told.setdefault(alert.fingerprint, []).append(alert)
    return {one: _alert(told[one], over) for one in sorted(told)}


def _alert(told: list[SeenAlert], over: set[str]) -> SeenAlert:
    """Join what peers say of one alert: the newest words, the earliest start, every muting."""
    newest = told[0] if len(told) == 1 else max(told, key=_freshness)
    starts = [one.starts_at for one in told if one.starts_at is not None]
    ends = [one.ends_at for one in told if one.ends_at is not None]
    silenced = (one for one in _union(each.silenced_by for each in told) if one not in over)
    return newest._replace(
        starts_at=min(starts, default=None),
        ends_at=max(ends, default=None),
        receivers=_union(one.receivers for one in told),
        # A peer that has not heard of the end of a silence yet still counts it.
        silenced_by=tuple(silenced),
        inhibited_by=_union(one.inhibited_by for one in told),
        muted_by=_union(one.muted_by for one in told),
    )


def _freshness(alert: SeenAlert) -> tuple[int, int, str]:
    return alert.updated_at, alert.ends_at or 0, repr(alert)


def _groups(views: tuple[Truth, ...]) -> tuple[SeenGroup, ...]:
    found: dict[GroupName, list[SeenGroup]] = {}
    times: Counter[GroupName] = Counter()
    for view in views:
        here: Counter[GroupName] = Counter()
        for group in view.groups:
            found.setdefault(group.name, []).append(group)
            here[group.name] += group.times
        times |= here  # the most that any peer has
    return tuple(
        SeenGroup(name[0], dict(name[1]), _union(group.fingerprints for group in same), times[name])
        for name, same in sorted(found.items())
    )


def _union(parts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted(set(chain.from_iterable(parts))))
