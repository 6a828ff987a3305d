"""Makes a person's wish for a silence true at Alertmanager, once, or says that it could not."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol, assert_never

from receiver.alertmanager.answer import (
    ACTION_ANNOTATION,
    Created,
    Expired,
    Failure,
    Listed,
    Refused,
    Seen,
    Unknown,
)
from receiver.alertmanager.moves import (
    Delete,
    GiveUp,
    Known,
    LookUp,
    Post,
    Settle,
    Update,
    Wait,
    Why,
    last_ending,
    next_move,
    sort_seen,
)
from receiver.domain.silence import CONFIRM_WITHIN, Silence, SilenceState
from receiver.domain.silencing import Conclusion

# After an answer that did not come: time for the server to finish what it may have accepted.
SETTLE_AFTER = 500
BACK_OFF = 500  # ms, doubled each time up to the limit, times a random share
BACK_OFF_LIMIT = 5_000
REMEMBER = 2 * CONFIRM_WITHIN

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PROBLEMS = {
    Why.EDITED: "somebody changed in Alertmanager what it mutes",
    Why.UNSAFE: "no matcher names a value, so it would mute everything",
    Why.REFUSED: "Alertmanager refused",
    Why.UNCONFIRMED: f"Alertmanager did not confirm it within {CONFIRM_WITHIN // 1000} s",
}
_DOUBT = "it may have taken effect all the same"


class Api(Protocol):
    """What is needed of one cluster; AlertmanagerClient is one."""

    async def create(self, body: Mapping[str, object]) -> Created | Failure:
        """Create a silence on one peer."""

    async def silences(self, matchers: tuple[tuple[str, str], ...]) -> tuple[Listed | Failure, ...]:
        """Ask every peer for the silences with these matchers."""

    async def expire(self, silence_id: str) -> Expired | Failure:
        """End a silence on one peer."""


class Outcome(StrEnum):
    """What became of a wish; each is a metric label."""

    CREATED = "created"
    RECOVERED = "recovered"  # it was there already, after an answer that never came
    EXPIRED = "expired"
    EXTENDED = "extended"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the silencer needs from outside.

    ``clients`` finds a source's cluster, or None where it is no longer configured; ``clock`` is
    Unix ms; ``wait`` takes ms; ``share`` returns a number in [0, 1); ``count`` is told each
    source's outcomes.
    """

    clients: Callable[[str], Api | None]
    clock: Callable[[], int]
    wait: Callable[[int], Awaitable[None]]
    share: Callable[[], float]
    count: Callable[[str, Outcome], None]


@dataclass(slots=True, kw_only=True)
class _Flight:
    """The one drive of one silence, and what the last one learned."""

    known: Known
    overtaken: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class _Overtaken(Exception):
    """Somebody no longer wants what is being created or extended."""


class Silencer:
    """Drives silences, each by one task at a time.

    It keeps no promise that its memory must survive for: a drive may be cancelled anywhere, and
    the next one looks up what the last may have done before it creates anything.
    """

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._flights: dict[str, _Flight] = {}

    async def establish(
        self, source: str, incident: int, silence: Silence, *, fresh: bool = False
    ) -> Conclusion | None:
        """Create a requested silence, and return what to record about it.

        ``fresh`` says that its intent was recorded just now by this process, so nobody can have
        tried before; otherwise it is looked up first. None means that an unsilence overtook it,
        which then concludes for both. Takes up to CONFIRM_WITHIN and one call's time.
        """
        flight = self._flight(silence.id, doubtful=not fresh)
        async with flight.lock:
            start = _again(replace(flight.known, began=self._around.clock()))
            try:
                return await self._drive(source, incident, silence, (flight, start))
            except _Overtaken:
                return None

    async def expire(self, source: str, incident: int, silence: Silence) -> Conclusion:
        """End a silence, and return what to record: expired, or still active and why."""
        flight = self._flight(silence.id, doubtful=True)
        flight.overtaken = True
        async with flight.lock:
            start = _again(replace(flight.known, began=self._around.clock()))
            if silence.silence_id and silence.silence_id not in start.live:
                start = replace(start, live=(*start.live, silence.silence_id))
            ending = replace(silence, state=SilenceState.EXPIRING)
            return await self._drive(source, incident, ending, (flight, start))

    async def extend(self, source: str, incident: int, silence: Silence) -> Conclusion | None:
        """Give a silence its later end, and return what to record: that end, or the problem.

        None when an unsilence overtook it. Repeating it is safe: what is there is looked up first.
        """
        flight = self._flight(silence.id, doubtful=True)
        async with flight.lock:
            flight.overtaken = False  # by an earlier unsilence, which has failed
            known = replace(_again(flight.known), began=self._around.clock(), seen=None, until=0)
            try:
                return await self._drive(source, incident, silence, (flight, known))
            except _Overtaken:
                return None

    def _flight(self, action: str, *, doubtful: bool) -> _Flight:
        now = self._around.clock()
        for known, flight in list(self._flights.items()):
            if not flight.lock.locked() and now - flight.known.began > REMEMBER:
                del self._flights[known]
        unknown = _Flight(known=Known(began=now, doubtful=doubtful))
        return self._flights.setdefault(action, unknown)

    async def _drive(
        self, source: str, incident: int, silence: Silence, begun: tuple[_Flight, Known]
    ) -> Conclusion:
        flight, start = begun
        flight.known = start
        api = self._around.clients(source)
        while True:
            if flight.overtaken and silence.state is not SilenceState.EXPIRING:
                raise _Overtaken
            move = next_move(silence, flight.known, self._around.clock())
            if isinstance(move, Settle | GiveUp):
                return self._conclude(source, incident, silence, (move, flight.known))
            if api is None:
                gone = f"the source {source} is no longer configured"
                flight.known = replace(flight.known, refused=True, detail=gone)
                move = GiveUp(Why.REFUSED)
                return self._conclude(source, incident, silence, (move, flight.known))
            await self._make(api, silence, flight, move)

    async def _make(
        self,
        api: Api,
        silence: Silence,
        flight: _Flight,
        move: Post | Update | LookUp | Delete | Wait,
    ) -> None:
        """Make a move, and note what it taught."""
        before = flight.known
        match move:
            case Wait():
                await self._around.wait(max(1, move.until - self._around.clock()))
            case Post():
                # Noted before it is sent, for the case that this task ends while it is under way.
                flight.known = replace(before, doubtful=True, asked=False, tried=False)
                answer = await api.create(body_of(silence))
                flight.known = self._posted(before, answer)
            case Update():
                flight.known = replace(before, asked=False, tried=False)
                updated = await api.create(later_body(move.seen, silence.wanted_end))
                flight.known = self._updated(before, updated, silence.wanted_end)
            case LookUp():
                flight.known = self._looked(silence, before, await api.silences(silence.matchers))
            case Delete():
                answer_ = await api.expire(move.silence_id)
                flight.known = self._deleted(before, move.silence_id, answer_)
            case _:
                assert_never(move)

    def _posted(self, before: Known, answer: Created | Failure) -> Known:
        if isinstance(answer, Created):
            return replace(before, live=(answer.silence_id,), tried=False, detail="")
        if isinstance(answer, Refused):
            return replace(before, refused=True, detail=answer.detail)
        if isinstance(answer, Unknown):
            later = self._around.clock() + SETTLE_AFTER
            doubt = replace(before, doubtful=True, asked=False, tried=False)
            return replace(doubt, not_before=later, detail=answer.detail)
        return self._failed(before, answer.detail)

    def _updated(self, before: Known, answer: Created | Failure, until: int) -> Known:
        if isinstance(answer, Created):
            return replace(before, live=(answer.silence_id,), until=until, detail="")
        if isinstance(answer, Refused):
            return replace(before, refused=True, detail=answer.detail)
        return self._failed(replace(before, asked=False, tried=False), answer.detail)

    def _looked(
        self, silence: Silence, before: Known, answers: tuple[Listed | Failure, ...]
    ) -> Known:
        seen: list[Seen] = []
        problems: list[str] = []
        for answer in answers:
            if isinstance(answer, Listed):
                seen.extend(answer.silences)
            else:
                problems.append(answer.detail)
        found, over = sort_seen(silence, tuple(seen))
        last = last_ending(silence, tuple(seen))
        kept = (one for one in before.live if one not in over)
        live = tuple(dict.fromkeys((*found, *kept)))
        after = replace(
            before,
            asked=bool(answers) and not problems,
            tried=True,
            live=live,
            ended=over[0] if over else before.ended,
            recovered=before.recovered or (bool(live) and not before.live),
            seen=last,
            until=0 if last is None else last.until,
        )
        return self._failed(after, problems[0]) if problems else replace(after, failures=0)

    def _deleted(self, before: Known, silence_id: str, answer: Expired | Failure) -> Known:
        if isinstance(answer, Expired):
            left = tuple(one for one in before.live if one != silence_id)
            return replace(before, live=left, ended=silence_id, failures=0)
        if isinstance(answer, Refused):
            return replace(before, refused=True, detail=answer.detail)
        return self._failed(before, answer.detail)

    def _failed(self, known: Known, detail: str) -> Known:
        step = min(BACK_OFF_LIMIT, BACK_OFF * 2 ** min(known.failures, 8))
        later = self._around.clock() + int(step * (0.5 + self._around.share()))
        return replace(known, failures=known.failures + 1, not_before=later, detail=detail)

    def _conclude(
        self, source: str, incident: int, silence: Silence, end: tuple[Settle | GiveUp, Known]
    ) -> Conclusion:
        move, known = end
        if isinstance(move, Settle):
            self._around.count(source, _outcome(silence, move, known))
            extended = silence.state is SilenceState.EXTENDING
            return Conclusion(
                incident=incident,
                silence=silence.id,
                state=move.state,
                silence_id=move.silence_id,
                ends_at=silence.wanted_end if extended else 0,
            )
        self._around.count(source, Outcome.FAILED)
        asked = silence.state is SilenceState.REQUESTED
        return Conclusion(
            incident=incident,
            silence=silence.id,
            state=SilenceState.FAILED if asked else SilenceState.ACTIVE,
            silence_id=silence.silence_id,
            problem=_problem(move, known, asked=asked),
        )


def body_of(silence: Silence) -> dict[str, object]:
    """Return the silence as POST /api/v2/silences wants it.

    It starts at the click: a time in the past is moved to the server's now, while one ahead of a
    slower clock would have to be waited for.
    """
    said = silence.comment.replace("[receiver:", "(receiver:")  # only we write markers
    words = (said, f"({silence.actor.open_id})", silence.marker)
    return {
        "matchers": [
            {"name": name, "value": value, "isRegex": False, "isEqual": True}
            for name, value in silence.matchers
        ],
        "startsAt": _timestamp(silence.asked_at),
        "endsAt": _timestamp(silence.ends_at),
        "createdBy": silence.actor.label,
        "comment": " ".join(word for word in words if word),
        "annotations": {
            ACTION_ANNOTATION: silence.id,
            "receiver_open_id": silence.actor.open_id,
        },
    }


def later_body(seen: Seen, until: int) -> dict[str, object]:
    """Return a silence as Alertmanager showed it, with a later end (Unix ms).

    Its id stays only if the matchers, in their order, and the start are the same.
    """
    body: dict[str, object] = {
        "id": seen.id,
        "matchers": list(seen.matchers),
        "startsAt": seen.starts_at,
        "endsAt": _timestamp(until),
        "createdBy": seen.created_by,
        "comment": seen.comment,
    }
    return body if seen.annotations is None else body | {"annotations": seen.annotations}


def _again(known: Known) -> Known:
    """Return what a new drive may take over from the last: the facts, not the failures."""
    return replace(
        known,
        asked=False,
        tried=False,
        refused=False,
        failures=0,
        not_before=0,
        recovered=bool(known.live),
        detail="",
    )


def _outcome(silence: Silence, move: Settle, known: Known) -> Outcome:
    if move.state is SilenceState.EXPIRED:
        return Outcome.EXPIRED
    if silence.state is SilenceState.EXTENDING:
        return Outcome.EXTENDED
    return Outcome.RECOVERED if known.recovered else Outcome.CREATED


def _problem(move: GiveUp, known: Known, *, asked: bool) -> str:
    words = [_PROBLEMS[move.why]]
    if known.detail:
        words.append(known.detail)
    text = ": ".join(words)
    return f"{text}; {_DOUBT}" if asked and known.doubtful and not known.asked else text


def _timestamp(ms: int) -> str:
    moment = _EPOCH + timedelta(milliseconds=ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
