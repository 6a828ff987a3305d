"""The ops port: metrics, health, reload, and the API that answers "where is my alert?"."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from receiver.domain.card import Card
from receiver.openapi import AUDIT_MOST, LETTERS_MOST, PAGE_DEFAULT, PAGE_MOST, document
from receiver.ops import told
from receiver.ops.audit import audit_line
from receiver.store.base import Deeds, Store, StoreError
from receiver.telemetry.metrics import Metrics, StoreFigures
from receiver.web import Handler, problem

# SQLite's largest integer has 19 digits; no id that was ever given comes near.
DIGITS_MOST = 18
LATEST = 10**DIGITS_MOST - 1
READY_PATIENCE = 2.0  # seconds
READY_KEY = "ready"
TOO_SLOW = f"the store kept no change within {READY_PATIENCE:g} s: look at the load of its disk"
WHY_TOKEN = "this needs server.ops_token as Bearer"  # noqa: S105  (a sentence)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpsMeans:
    """What the ops port needs; ``token`` None lets everybody in, on loopback alone."""

    store: Store
    metrics: Metrics
    figures: Callable[[], Awaitable[StoreFigures]]
    reload: Callable[[str], Awaitable[str]]  # told from where; returns what is wrong, or nothing
    token: Callable[[], str | None]
    now: Callable[[], int]
    retry: Callable[[str], None]  # sends a target's next card, whatever failed there before


class Ops:
    """The endpoints of the ops port."""

    def __init__(self, means: OpsMeans) -> None:
        self._means = means

    def table(self) -> list[tuple[str, Handler, tuple[str, ...]]]:
        """Return the paths with their handlers and methods."""
        api = "/api/v1"
        return [
            ("/metrics", self.metrics, ("GET",)),
            ("/-/healthy", self.healthy, ("GET",)),
            ("/-/ready", self.ready, ("GET",)),
            ("/-/reload", self._guarded(self.reload), ("POST",)),
            (f"{api}/openapi.json", self.openapi, ("GET",)),
            (f"{api}/incidents", self._guarded(self.incidents), ("GET",)),
            (f"{api}/incidents/{{id}}", self._guarded(self.incident), ("GET",)),
            (f"{api}/cards", self._guarded(self.cards), ("GET",)),
            (f"{api}/dead-letters", self._guarded(self.dead_letters), ("GET",)),
            (f"{api}/dead-letters/{{id}}/replay", self._guarded(self.replay), ("POST",)),
            (f"{api}/audit", self._guarded(self.audit), ("GET",)),
            (f"{api}/units", self._guarded(self.units), ("GET",)),
        ]

    async def metrics(self, request: Request) -> Response:
        """Expose the metrics; the store's figures are read at this moment."""
        metrics = self._means.metrics
        try:
            metrics.observe_store(await self._means.figures())
        except StoreError:
            metrics.store.failures.of("other").inc()
        accept = request.headers.get("accept")
        body, content_type = await asyncio.to_thread(metrics.expose, accept)
        return Response(body, headers={"content-type": content_type})

    async def healthy(self, _: Request) -> Response:
        """Say that the process answers."""
        return Response("healthy\n")

    async def ready(self, _: Request) -> Response:
        """Say that the store keeps changes and reads; whether Feishu answers is not asked.

        A full or read-only disk is met by writing alone; and to a receiver that is not ready nobody
        sends anything from which it could learn that it is again.
        """
        try:
            await asyncio.wait_for(self._try_store(), READY_PATIENCE)
        except TimeoutError:
            return problem(503, "not ready", TOO_SLOW)
        except StoreError as failure:
            return problem(503, "not ready", f"the store does not answer: {failure}")
        return Response("ready\n")

    async def _try_store(self) -> None:
        now = self._means.now()
        await self._means.store.once(READY_KEY, now, now)
        await self._means.store.incidents(0, 1)

    async def reload(self, request: Request) -> Response:
        """Read the configuration again; a bad one leaves the old one in force."""
        wrong = await self._means.reload("" if request.client is None else request.client.host)
        return problem(422, "not reloaded", wrong) if wrong else Response("reloaded\n")

    async def openapi(self, _: Request) -> Response:
        """Describe the API."""
        return _json(document())

    async def incidents(self, request: Request) -> Response:
        """List incidents, the newest first; ``before`` and ``limit`` page."""
        before = _number(request.query_params.get("before", "0"))
        most = _number(request.query_params.get("limit", str(PAGE_DEFAULT)))
        if before is None or most is None or not 1 <= most <= PAGE_MOST:
            return problem(400, "bad page", f"before is a number, limit 1 to {PAGE_MOST}")
        found = await self._means.store.incidents(before, most)
        return _json({"incidents": [told.incident(incident) for incident in found]})

    async def incident(self, request: Request) -> Response:
        """Tell one incident with its alerts, cards and timeline."""
        number = _number(request.path_params["id"])
        snapshot = None if number is None else await self._means.store.snapshot(number)
        if number is None or snapshot is None:
            return problem(404, "unknown incident", "there is no incident of this number")
        timeline = await self._means.store.timeline(number)
        cards = await self._means.store.cards(number)
        return _json(told.whole(snapshot, cards, timeline))

    async def cards(self, _: Request) -> Response:
        """List the cards that are not yet shown."""
        waiting = await self._means.store.cards(0)
        return _json({"cards": [told.card(card) for card in waiting]})

    async def dead_letters(self, request: Request) -> Response:
        """List the cards that were rejected for good, the newest first, with the reasons."""
        most = _number(request.query_params.get("limit", str(PAGE_MOST)))
        if most is None or not 1 <= most <= LETTERS_MOST:
            return problem(400, "bad page", f"limit is a number, 1 to {LETTERS_MOST}")
        found = await self._means.store.dead_letters(most)
        letters = [told.letter(await self._letter(card)) for card in found]
        return _json({"dead_letters": letters})

    async def _letter(self, card: Card) -> told.Letter:
        store = self._means.store
        snapshot = await store.snapshot(card.incident)
        title = "" if snapshot is None else snapshot.incident.title
        return told.Letter(card, title, told.since(card, await store.timeline(card.incident)))

    async def units(self, _: Request) -> Response:
        """Tell how many units there are in each state, as of one moment."""
        return _json(told.units(await self._means.store.units()))

    async def audit(self, request: Request) -> Response:
        """Tell what people did, the oldest first, a JSON object a line; ``after`` pages."""
        asked = request.query_params
        wanted = {name: _number(asked.get(name, "0")) for name in ("since", "after", "incident")}
        until = _number(asked.get("until", str(LATEST)))
        most = _number(asked.get("limit", str(PAGE_MOST)))
        if None in wanted.values() or until is None or not most or most > AUDIT_MOST:
            return problem(400, "bad page", f"numbers, please, and a limit of 1 to {AUDIT_MOST}")
        deeds = Deeds(
            since=wanted["since"] or 0,
            until=until,
            incident=wanted["incident"] if "incident" in asked else None,
            kind=asked.get("kind", ""),
        )
        found = await self._means.store.audit(deeds, wanted["after"] or 0, most)
        lines = "".join(f"{audit_line(deed)}\n" for deed in found)
        return Response(lines, media_type="application/x-ndjson")

    async def replay(self, request: Request) -> Response:
        """Try a dead letter again."""
        number = _number(request.path_params["id"])
        target = "" if number is None else await self._revived(number)
        if not target:
            return problem(404, "no dead letter", "no card of this number is a dead letter")
        self._means.retry(target)
        return _json({"replayed": number})

    async def _revived(self, number: int) -> str:
        return await self._means.store.revive(number, self._means.now())

    def _guarded(self, endpoint: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            token = self._means.token()
            header = request.headers.get("authorization", "")
            if token is not None and not hmac.compare_digest(
                header.encode("utf-8", "replace"), f"Bearer {token}".encode()
            ):
                return problem(401, "unauthorized", WHY_TOKEN, {"WWW-Authenticate": "Bearer"})
            try:
                return await endpoint(request)
            except StoreError as failure:
                return problem(503, "store unavailable", str(failure))

        return guarded


def _number(text: str) -> int | None:
    """Return a number from 0 that the store can hold; None for any other text."""
    fit = text.isascii() and text.isdecimal() and len(text) <= DIGITS_MOST
    return int(text) if fit else None


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
