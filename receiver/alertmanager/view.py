"""Asks the peers of one cluster what is true, and hears the whole answers as one."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from receiver.alertmanager.answer import Answered, Failure, Refused, Unreachable
from receiver.alertmanager.call import Call, Caller, Request
from receiver.alertmanager.peer import Peer
from receiver.alertmanager.runs import Runs
from receiver.alertmanager.told import (
    Silences,
    Started,
    read_alerts,
    read_groups,
    read_silences,
    read_status,
)
from receiver.domain.truth import SeenSilence, Truth, Unanswered, merge

MANY = 1_000  # alerts; joining more would keep the loop from others for some ms

_STATUS = Request(call=Call.STATUS, method="GET", path="/status")
_ALERTS = Request(call=Call.ALERTS, method="GET", path="/alerts")
_SILENCES = Request(call=Call.GET, method="GET", path="/silences")
_GROUPS = Request(call=Call.GROUPS, method="GET", path="/alerts/groups")

Answer = TypeVar("Answer", bound=Answered)


class _Failed(Exception):
    """A peer gave no whole answer; the message says which question failed, how, and the cure."""


class Viewer:
    """Asks the peers of one source."""

    def __init__(self, name: str, peers: tuple[Peer, ...], caller: Caller) -> None:
        self._name = name
        self._peers = peers
        self._caller = caller
        self._runs = {peer.base: Runs() for peer in peers}

    async def truth(self, now: int) -> Truth | Unanswered:
        """Ask every peer at once; nothing is guessed of one that did not answer all of it."""
        if not self._peers:
            return Unanswered(f"{self._name}: no peers: set alertmanagers[].urls")
        views = await asyncio.gather(*(self._look(peer, now) for peer in self._peers))
        problems = tuple(view for view in views if isinstance(view, str))
        whole = tuple(view for view in views if isinstance(view, Truth))
        if not whole:
            return Unanswered(f"{self._name}: {'; '.join(problems)}")
        whole = tuple(view._replace(unanswered=problems) for view in whole)
        if sum(len(view.alerts) for view in whole) > MANY:
            return await asyncio.to_thread(merge, whole)
        return merge(whole)

    async def silences(self, now: int) -> tuple[SeenSilence, ...] | Unanswered:
        """Ask every peer for its silences alone; those that answer are heard as one."""
        answers = await asyncio.gather(
            *(self._caller.patiently(peer, _SILENCES, read_silences) for peer in self._peers)
        )
        views = [Truth(now, {}, one.silences, ()) for one in answers if isinstance(one, Silences)]
        if views:
            return (await asyncio.to_thread(merge, tuple(views))).silences
        return Unanswered(f"{self._name}: no peer answered")

    async def _look(self, peer: Peer, now: int) -> Truth | str:
        try:
            view = await self._view(peer, now)
        except _Failed as problem:
            self._runs[peer.base].unheard()
            return str(problem)
        since = self._runs[peer.base].since(view.up_since, len(view.alerts), now)
        return view._replace(up_since=since)

    async def _view(self, peer: Peer, now: int) -> Truth:
        """Ask one peer everything: the silences after the alerts, which name them.

        Since when it runs comes last: a restart between two answers shows there.
        """
        alerts = await self._ask(peer, _ALERTS, read_alerts)
        silences = await self._ask(peer, _SILENCES, read_silences)
        groups = await self._ask(peer, _GROUPS, read_groups)
        began = await self._began(peer)
        return Truth(now, alerts.alerts, silences.silences, groups.groups, began.at or 0)

    async def _began(self, peer: Peer) -> Started:
        """Ask since when a peer runs, which a proxy may keep to itself."""
        answer = await self._caller.patiently(peer, _STATUS, read_status)
        if isinstance(answer, Refused):
            return Started(None)
        return _sure(peer, _STATUS, answer)

    async def _ask(
        self, peer: Peer, request: Request, read: Callable[[int, bytes], Answer | Failure]
    ) -> Answer:
        return _sure(peer, request, await self._caller.patiently(peer, request, read))


def _sure(peer: Peer, request: Request, answer: Answer | Failure) -> Answer:
    if isinstance(answer, Answered):
        return answer
    raise _Failed(f"{peer.url(request.path)}: {answer.detail}: {_cure(answer)}")


def _cure(failure: Failure) -> str:
    if isinstance(failure, Refused) and failure.detail.startswith(("HTTP 401", "HTTP 403")):
        return "check the source's basic_auth, bearer_token, headers and tls"
    if isinstance(failure, Refused):
        return "check the source's urls and kind"
    if isinstance(failure, Unreachable):
        return "see whether it runs, and can be reached from here"
    return "see its log, and whether the source's urls lead to an Alertmanager"
