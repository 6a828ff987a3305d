"""Calls one Alertmanager cluster: each call ends in a value that says what is certain."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace

import msgspec

from receiver.alertmanager.answer import (
    Created,
    Expired,
    Failure,
    Listed,
    Refused,
    Unreachable,
    read_created,
    read_expired,
    read_listed,
)
from receiver.alertmanager.call import Call, Caller, Ports, Request, Timeouts
from receiver.alertmanager.peer import Source, peers_of
from receiver.alertmanager.view import Viewer
from receiver.domain.matcher import equal
from receiver.domain.truth import SeenSilence, Truth, Unanswered

FILTERS_LIMIT = 4
FILTER_VALUE_LIMIT = 200

_PLAIN_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_encode = msgspec.json.Encoder().encode


class AlertmanagerClient:
    """One cluster's API; nothing expected is raised, and no answer is taken for more than it is.

    Raises:
        BadAddress: at construction, when a URL of the source is wrong.

    """

    def __init__(self, source: Source, ports: Ports, timeouts: Timeouts | None = None) -> None:
        self.name = source.name
        self._peers = peers_of(source)
        self._caller = Caller(source.name, ports, timeouts)
        self._viewer = Viewer(source.name, self._peers, self._caller)

    def __repr__(self) -> str:
        return f"AlertmanagerClient({self.name!r})"

    async def truth(self, now: int) -> Truth | Unanswered:
        """Return what fires, what is silenced and how it is grouped, as of ``now`` (Unix ms).

        Every peer is asked for all of it, at once; the whole answers are heard as one.
        """
        return await self._viewer.truth(now)

    async def every_silence(self, now: int) -> tuple[SeenSilence, ...] | Unanswered:
        """Return the silences that the peers know, whoever made them, expired ones included."""
        return await self._viewer.silences(now)

    async def create(self, body: Mapping[str, object]) -> Created | Failure:
        """Create a silence on one peer; another is tried only where surely nothing was sent."""
        request = Request(call=Call.CREATE, method="POST", path="/silences", body=_encode(body))
        answer: Created | Failure = Unreachable("no peers are configured")
        for resend, peer in enumerate(self._peers):
            answer = await self._caller.attempt(peer, replace(request, resend=resend), read_created)
            if not isinstance(answer, Unreachable):
                break
        return answer

    async def silences(
        self, matchers: tuple[tuple[str, str], ...] = ()
    ) -> tuple[Listed | Failure, ...]:
        """Ask every peer for the silences with these matchers, expired ones included.

        The server only helps: some matchers cannot be said to every version and are left out, so
        more may come than was asked for.
        """
        request = Request(call=Call.GET, method="GET", path="/silences", params=_filters(matchers))
        asked = [self._caller.patiently(peer, request, read_listed) for peer in self._peers]
        return tuple(await asyncio.gather(*asked))

    async def expire(self, silence_id: str) -> Expired | Failure:
        """End a silence; safe to repeat, so every peer is tried until one has done it.

        It is ``gone`` only if every peer says so: one that was cut off may never have heard.
        """
        request = Request(
            call=Call.EXPIRE,
            method="DELETE",
            path=f"/silence/{silence_id}",
            template="/silence/{silenceID}",
            silence_id=silence_id,
        )
        failure: Failure | None = None if self._peers else Unreachable("no peers are configured")
        for resend, peer in enumerate(self._peers):
            again = replace(request, resend=resend)
            answer = await self._caller.attempt(peer, again, read_expired)
            if answer == Expired():
                return answer
            if not isinstance(answer, Expired):
                failure = _weaker(failure, answer)
        return failure or Expired(gone=True)


def _filters(matchers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return filters that every version reads alike: plain names, short printable values."""
    plain = (
        (name, value)
        for name, value in matchers
        if _PLAIN_NAME.fullmatch(name)
        and 0 < len(value) <= FILTER_VALUE_LIMIT
        and value.isprintable()
    )
    return tuple(("filter", str(equal(*pair))) for pair in list(plain)[:FILTERS_LIMIT])


def _weaker(before: Failure | None, answer: Failure) -> Failure:
    """Keep the failure that leaves more hope of succeeding later."""
    return answer if before is None or isinstance(before, Refused) else before
