"""Decides what to do next about one silence; asks nobody and waits for nothing."""

from dataclasses import dataclass
from enum import StrEnum

from receiver.alertmanager.answer import Seen
from receiver.domain.silence import CONFIRM_WITHIN, Silence, SilenceState


class Why(StrEnum):
    """Why a move is made."""

    NEVER_SENT = "never_sent"  # surely nothing is there yet
    ABSENT = "absent"  # every peer was asked, and none has it
    DOUBTFUL = "doubtful"  # a request may have been accepted that nobody confirmed
    TWICE = "twice"  # a late answer made a second one
    UNWANTED = "unwanted"
    BACK_OFF = "back_off"
    CONFIRMED = "confirmed"
    ENDED = "ended"  # its time is over, or somebody ended it in Alertmanager
    LATER = "later"  # its end is to be later
    EDITED = "edited"  # somebody changed there what it mutes
    UNSAFE = "unsafe"  # it would mute everything
    REFUSED = "refused"
    UNCONFIRMED = "unconfirmed"  # CONFIRM_WITHIN has passed


@dataclass(frozen=True, slots=True)
class Post:
    """Create the silence."""

    why: Why


@dataclass(frozen=True, slots=True)
class Update:
    """Give a silence its later end."""

    seen: Seen
    why: Why


@dataclass(frozen=True, slots=True)
class LookUp:
    """Ask every peer for the silence's marker."""

    why: Why


@dataclass(frozen=True, slots=True)
class Delete:
    """End one silence."""

    silence_id: str
    why: Why


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing before ``until``, in Unix ms."""

    until: int
    why: Why


@dataclass(frozen=True, slots=True)
class Settle:
    """The question is answered: the silence is in this state."""

    state: SilenceState
    silence_id: str
    why: Why


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No answer is to be had; what was true before stays, with the problem said."""

    why: Why


Move = Post | Update | LookUp | Delete | Wait | Settle | GiveUp


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of one silence at Alertmanager; times in Unix ms."""

    began: int  # when this drive began
    doubtful: bool  # a request may have been accepted, now or before a restart
    asked: bool = False  # every peer has answered since the last request
    tried: bool = False  # a look-up was made since the last request, whatever came of it
    live: tuple[str, ...] = ()  # ids of ours that mute, the oldest first
    ended: str = ""  # the id of one of ours that is over
    recovered: bool = False  # found, rather than told
    refused: bool = False
    failures: int = 0
    not_before: int = 0
    detail: str = ""
    seen: Seen | None = None  # to extend: the one of ours that ends last, as a peer showed it
    until: int = 0  # the end that Alertmanager is known to have


def next_move(silence: Silence, known: Known, now: int) -> Move:
    """Decide what to do about a silence that is to be created, extended, or ended."""
    if silence.state is SilenceState.REQUESTED:
        return _towards_active(silence, known, now)
    if silence.state is SilenceState.EXTENDING:
        return _towards_later(silence, known, now)
    if not silence.state.asks:  # an intent outlived its answer: nothing may be done by it
        return Settle(silence.state, silence.silence_id, Why.CONFIRMED)
    return _towards_expired(silence, known, now)


def sort_seen(silence: Silence, seen: tuple[Seen, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the ids of this silence that mute, and those that are over, the oldest first.

    Peers that tell of the same silence differently are behind one another: over wins.
    """
    ours = sorted(
        (one for one in seen if one.bears(silence.id, silence.marker)),
        key=lambda one: (one.starts_at, one.id),
    )
    over = dict.fromkeys(one.id for one in ours if not one.live)
    live = dict.fromkeys(one.id for one in ours if one.live and one.id not in over)
    return tuple(live), tuple(over)


def _towards_active(silence: Silence, known: Known, now: int) -> Move:
    told = _is_answered(silence, known, now)
    if told is not None:
        return told
    late = now - silence.asked_at >= CONFIRM_WITHIN
    if late and (known.tried or not known.doubtful):
        return GiveUp(Why.UNCONFIRMED)
    if not late and now < known.not_before:
        return Wait(min(known.not_before, silence.asked_at + CONFIRM_WITHIN), Why.BACK_OFF)
    if known.doubtful and not known.asked:
        return LookUp(Why.DOUBTFUL)
    return Post(Why.ABSENT if known.asked else Why.NEVER_SENT)


def _is_answered(silence: Silence, known: Known, now: int) -> Move | None:
    if not any(name and value for name, value in silence.matchers):
        return GiveUp(Why.UNSAFE)
    if known.live:
        return _keep_one(known, now)
    if known.ended:
        return Settle(SilenceState.EXPIRED, known.ended, Why.ENDED)
    return GiveUp(Why.REFUSED) if known.refused else None


def _keep_one(known: Known, now: int) -> Move:
    """Keep the oldest; after a doubt, look once more for one that came late."""
    overdue = now - known.began >= CONFIRM_WITHIN
    if known.doubtful and not known.tried:
        return LookUp(Why.DOUBTFUL)
    if len(known.live) == 1 or known.refused or overdue:
        return Settle(SilenceState.ACTIVE, known.live[0], Why.CONFIRMED)
    if now < known.not_before:
        return Wait(known.not_before, Why.BACK_OFF)
    return Delete(known.live[-1], Why.TWICE)


def _towards_later(silence: Silence, known: Known, now: int) -> Move:
    """Look first: an update needs what Alertmanager has, and a lost answer may have been one."""
    told = _is_later(silence, known)
    if told is not None:
        return told
    deadline = known.began + CONFIRM_WITHIN
    if now >= deadline:
        return GiveUp(Why.UNCONFIRMED)
    if now < known.not_before:
        return Wait(min(known.not_before, deadline), Why.BACK_OFF)
    if known.seen is None or not known.tried:
        return LookUp(Why.DOUBTFUL)
    return Update(known.seen, Why.LATER)


def _is_later(silence: Silence, known: Known) -> Move | None:
    if known.until >= silence.wanted_end and known.live:
        return Settle(SilenceState.ACTIVE, known.live[-1], Why.CONFIRMED)
    if known.refused:
        return GiveUp(Why.REFUSED)
    if known.seen is not None and known.seen.pairs != frozenset(silence.matchers):
        return GiveUp(Why.EDITED)
    if known.asked and not known.live:
        return Settle(SilenceState.EXPIRED, known.ended or silence.silence_id, Why.ENDED)
    return None


def last_ending(silence: Silence, seen: tuple[Seen, ...]) -> Seen | None:
    """Return the silence of ours that mutes the longest, as its most advanced peer shows it."""
    live = set(sort_seen(silence, seen)[0])
    ours = [one for one in seen if one.id in live]
    return max(ours, key=lambda one: (one.until, one.id), default=None)


def _towards_expired(silence: Silence, known: Known, now: int) -> Move:
    done = _is_over(silence, known, now)
    if done is not None:
        return done
    if known.refused:
        return GiveUp(Why.REFUSED)
    deadline = known.began + CONFIRM_WITHIN
    if now >= deadline:
        return GiveUp(Why.UNCONFIRMED)
    if now < known.not_before:
        return Wait(min(known.not_before, deadline), Why.BACK_OFF)
    if known.live:
        return Delete(known.live[-1], Why.UNWANTED)
    return LookUp(Why.DOUBTFUL)


def _is_over(silence: Silence, known: Known, now: int) -> Settle | None:
    if max(silence.ends_at, silence.wanted_end) <= now:
        return Settle(SilenceState.EXPIRED, silence.silence_id, Why.ENDED)
    if known.live:
        return None
    if known.ended:
        return Settle(SilenceState.EXPIRED, known.ended, Why.CONFIRMED)
    if known.asked or not known.doubtful:
        return Settle(SilenceState.EXPIRED, silence.silence_id, Why.ABSENT)
    return None
