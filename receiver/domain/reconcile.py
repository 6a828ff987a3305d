"""The decision what a source's truth does to an open incident of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from receiver.domain.alert import Alert
from receiver.domain.incident import (
    Ending,
    Incident,
    Kind,
    Line,
    Member,
    Placement,
    Rules,
    suppressed,
)
from receiver.domain.ownership import after_news, is_owned
from receiver.domain.reason import TruthReason
from receiver.domain.suppression import Outside
from receiver.domain.told import begun
from receiver.domain.truth import (
    WARM_UP,
    SeenAlert,
    SeenGroup,
    SeenSilence,
    Truth,
    group_name,
    is_newer,
)
from receiver.domain.upheld import Silenced, follow, held_by, outside_of, told_of

STALE_AFTER = 5 * 60_000
# Alerts that one step changes, so that no commit is long; the next step goes on.
CHANGED_MOST = 1_000

# The firing alerts' labels, source, receiver and group key -> where their incident is shown.
Place = Callable[[Iterable[dict[str, str]], str, str, str], tuple[Placement, ...]]


def nowhere(*_: object) -> tuple[Placement, ...]:
    """Show alerts where their incident is shown already."""
    return ()


class TruthRules(NamedTuple):
    """The parts of the configuration that decisions about a source's truth need; times in ms.

    ``answered_at`` is when the source last answered, in Unix ms.
    """

    rules: Rules = Rules()
    warm_up: int = WARM_UP
    stale_after: int = STALE_AFTER
    answered_at: int = 0
    place: Place = nowhere


class Corrected(NamedTuple):
    """What the truth changes in an incident; ``incident`` is None where it changes nothing.

    ``idle`` is what nobody need be shown soon; ``more`` says that another step has more to do.
    """

    reasons: tuple[TruthReason, ...] = (TruthReason.SAME,)
    incident: Incident | None = None
    members: tuple[Member, ...] = ()
    joined: int = 0
    placements: tuple[Placement, ...] = ()
    lines: tuple[Line, ...] = ()
    idle: bool = False
    more: bool = False

    @property
    def reason(self) -> TruthReason:
        """The most important of the reasons."""
        return self.reasons[0]


SAME = Corrected()


class Index(NamedTuple):
    """A truth, with what is looked up in it for each incident."""

    truth: Truth
    silences: dict[str, SeenSilence]
    groups: dict[object, SeenGroup]


def index(truth: Truth) -> Index:
    """Prepare a truth for many incidents."""
    return Index(
        truth,
        {silence.id: silence for silence in truth.silences},
        {group.name: group for group in truth.groups},
    )


def is_fresh(incident: Incident, truth: Truth, now: int) -> bool:
    """Say whether an incident was told something that may be newer than the truth."""
    words = list(incident.peers.values())
    if incident.changed_at != incident.corrected_at:
        words.append(incident.changed_at)
    return any(is_newer(word, truth.at, now) for word in words)


def unheard(known: Incident, rules: TruthRules, now: int) -> Corrected:
    """Decide what a source's silence does to an incident: after a while the card says so."""
    silent = now - rules.answered_at >= rules.stale_after
    asked = known.kind is Kind.ALERTS and known.closed_at is None
    if not asked or known.stale_since or not silent:
        return SAME
    since = max(rules.answered_at, 1)
    incident = known._replace(
        stale_since=since, revision=known.revision + 1, changed_at=now, corrected_at=now
    )
    return Corrected((TruthReason.STALE,), incident, lines=(Line(TruthReason.STALE),), idle=True)


@dataclass(slots=True)
class _Pass:
    """One look at all alerts of an incident."""

    known: Incident
    seen: Index
    rules: TruthRules
    now: int
    fresh: bool
    silenced: Silenced
    changed: dict[str, Member] = field(default_factory=dict)
    gone: int = 0
    joined: int = 0
    refired: int = 0
    muted: int = 0
    inhibited: int = 0
    freed: int = 0
    heeded: int = 0  # alerts that people are called for only now
    hushed: int = 0
    more: bool = False

    def look(self, members: Mapping[str, Member]) -> None:
        """Compare each alert with the truth."""
        absence = not self.fresh and self.seen.truth.tells_absence(self.rules.warm_up)
        for member in members.values():
            if len(self.changed) >= CHANGED_MOST:
                self.more = True
                return
            told = self.seen.truth.alerts.get(member.fingerprint)
            if told is not None:
                self._present(member)
            elif member.firing and absence:
                self._absent(member)

    def _absent(self, member: Member) -> None:
        until = max(member.since, min(self.seen.truth.at, self.now))
        self.gone += 1
        self._put(member._replace(firing=False, until=until, gone=True, held=None, hushed=False))

    def _present(self, member: Member) -> None:
        told = self.seen.truth.alerts[member.fingerprint]
        held = held_by(told, self.seen.truth.alerts, self.silenced)
        if not member.firing:
            if not self.fresh and not _lingers(told, member):
                self._begin(member.fingerprint, member.episode + 1)
            return
        if held == member.held and not member.hushed and not self.followed:
            return
        before = suppressed(self.known, member)
        after = member._replace(held=held)
        mutes = suppressed(self.known._replace(silences=self.silenced.own), after)
        if not mutes and member.hushed:
            after = after._replace(hushed=False)
            self.heeded += 1
        self._count(after, before=before, mutes=mutes)
        if after != member:
            self._put(after)

    def _count(self, member: Member, *, before: bool, mutes: bool) -> None:
        self.freed += before and not mutes
        inhibits = member.held is not None and bool(member.held.inhibitors)
        self.inhibited += mutes and not before and inhibits
        self.muted += mutes and not before and not inhibits

    @property
    def followed(self) -> bool:
        """Whether another tool changed one of our own silences."""
        return self.silenced.own != self.known.silences

    def _begin(self, fingerprint: str, episode: int) -> None:
        """Take in an alert that no body told of."""
        told = self.seen.truth.alerts[fingerprint]
        alert = Alert(
            fingerprint,
            True,
            told.labels,
            told.annotations,
            told.starts_at,
            None,
            told.url,
        )
        member = begun(alert, self.rules.rules.scale, self.now, episode)
        held = held_by(told, self.seen.truth.alerts, self.silenced)
        hushed = told.suppressed
        self.hushed += hushed
        self.refired += episode > 1
        self.joined += 1
        self._put(member._replace(held=held, hushed=hushed))

    def complete(self, members: Mapping[str, Member]) -> int:
        """Take in what bodies left out; return how many alerts are still unknown."""
        known = self.known
        if not known.omitted or self.fresh:
            return known.truncated
        if self.seen.truth.alerts and not self.seen.groups:
            return known.truncated  # a source that shows no groups
        group = self.seen.groups.get(group_name(known.receiver, known.group_labels))
        if group is None:
            return 0 if self.seen.truth.tells_absence(self.rules.warm_up) else known.truncated
        if group.times > 1:
            return known.truncated  # which route's it is, nobody can tell
        for fingerprint in group.fingerprints:
            told = self.seen.truth.alerts.get(fingerprint)
            if told is None or told.suppressed or fingerprint in members:
                continue
            if len(self.changed) >= CHANGED_MOST:
                self.more = True
                return known.truncated
            self._begin(fingerprint, 1)
        return 0

    def _put(self, member: Member) -> None:
        self.changed[member.fingerprint] = member


def _lingers(told: SeenAlert, member: Member) -> bool:
    """Say whether only a peer that has not heard of an alert's end still has it."""
    return member.until is not None and 0 < told.updated_at <= member.until


def correct(
    known: Incident,
    members: Mapping[str, Member],
    seen: Index,
    rules: TruthRules,
    now: int,
) -> Corrected:
    """Decide what the truth does to an incident: what it changes, and why."""
    if known.closed_at is not None or known.kind is not Kind.ALERTS:
        return SAME
    silenced = follow(known.silences, seen.silences, seen.truth.at, now)
    fresh = is_fresh(known, seen.truth, now)
    look = _Pass(known, seen, rules, now, fresh, silenced)
    look.look(members)
    truncated = known.truncated if look.more else look.complete(members)
    after = {**members, **look.changed}
    outside = outside_of(known.outside, after.values(), seen.silences, now)
    ended = silenced.ended or any(one.over and one not in known.outside for one in outside)
    same = (
        not look.changed
        and truncated == known.truncated
        and outside == known.outside
        and not look.followed
    )
    if same and not known.stale_since:
        return SAME
    reasons = _reasons(look, silenced, ended=ended, truncated=truncated, same=same)
    return _after(look, after, outside, truncated, reasons)


def _reasons(
    look: _Pass, silenced: Silenced, *, ended: bool, truncated: int, same: bool
) -> tuple[TruthReason, ...]:
    completed = look.joined > look.refired or truncated != look.known.truncated
    found = [
        reason
        for reason, happened in (
            (TruthReason.GONE, look.gone),
            (TruthReason.REFIRED, look.refired),
            (TruthReason.COMPLETED, completed),
            (TruthReason.SILENCE_ENDED, ended),
            (TruthReason.UNSUPPRESSED, look.freed),
            (TruthReason.SUPPRESSED, look.muted),
            (TruthReason.INHIBITED, look.inhibited),
            (TruthReason.SILENCE_CHANGED, silenced.changed),
            (TruthReason.FRESH, look.known.stale_since and same),
        )
        if happened
    ]
    return tuple(found) or (TruthReason.SILENCE_CHANGED,)


def _after(
    look: _Pass,
    after: Mapping[str, Member],
    outside: tuple[Outside, ...],
    truncated: int,
    reasons: tuple[TruthReason, ...],
) -> Corrected:
    known, now = look.known, look.now
    firing = [member.rank for member in after.values() if member.firing]
    rank = min(firing, default=known.rank)
    over = not firing and not truncated and not look.more
    called = look.joined - look.hushed
    worse = rank < known.rank and called > 0
    left = after_news(known, called, worse=worse, now=now) if called else known
    heeded = 0 if is_owned(left) else look.heeded
    told = left._replace(
        closed_at=now if over else None,
        ending=Ending.GONE if over else known.ending,
        changed_at=now,
        corrected_at=now,
        revision=known.revision + 1,
        rank=rank,
        truncated=truncated,
        joined=known.joined + look.joined,
        hushed=left.hushed + look.hushed - heeded,
        raised=known.raised + worse,
        silences=look.silenced.own,
        outside=() if over else outside,
        stale_since=0,
    )
    return Corrected(
        reasons,
        told,
        tuple(look.changed.values()),
        look.joined,
        _placed(look) if look.joined else (),
        (
            *(Line(f"truth_{reason}", _detail(reason, look)) for reason in reasons),
            *told_of(known.silences, look.silenced.own),
        ),
        idle=reasons == (TruthReason.FRESH,),
        more=look.more,
    )


def _placed(look: _Pass) -> tuple[Placement, ...]:
    """Return where the alerts that joined are to be shown."""
    known = look.known
    labels = [member.labels for member in look.changed.values() if member.firing]
    return look.rules.place(labels, known.source, known.receiver, known.group_key)


def _detail(reason: TruthReason, look: _Pass) -> str:
    counted = {
        TruthReason.GONE: look.gone,
        TruthReason.REFIRED: look.refired,
        TruthReason.COMPLETED: look.joined - look.refired,
        TruthReason.UNSUPPRESSED: look.freed,
        TruthReason.SUPPRESSED: look.muted,
        TruthReason.INHIBITED: look.inhibited,
    }
    return f"{counted[reason]} alerts" if reason in counted else ""
