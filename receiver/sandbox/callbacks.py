"""What the platform sends to an app: signed, encrypted, and answered in time or not at all."""

import socket
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from receiver.sandbox.crypto import encrypt, signature
from receiver.sandbox.outgoing import client
from receiver.sandbox.state import App, Call, Tenant

# https://open.feishu.cn/document/feishu-cards/handle-card-callbacks (codes a client shows)
NO_ADDRESS = 200340
BAD_ADDRESS = 200345
TOO_LATE = 200341
NO_CONNECTION = 200342
NO_DNS = 200343
REQUEST_FAILED = 200080
NOT_200 = 200671
BAD_BODY = 200672

# https://open.feishu.cn/document/server-docs/event-subscription-guide/overview: 15 s, 5 min, ...
EVENT_RETRIES_MS = (15_000, 300_000, 3_600_000, 21_600_000)


@dataclass(frozen=True, slots=True)
class Answered:
    """An app's answer; `http` is None where there was none, and `code` then says why."""

    code: int
    http: int | None = None
    body: bytes = b""
    ms: int = 0
    error: str | None = None


class Courier:
    """Carries documents to the apps' addresses."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        # The limits run on the tenant's clock, so the client itself has none.
        self._client = client()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def request(self, app: App, document: dict[str, Any], *, signed: bool = True) -> httpx.Request:
        """Build the request: encrypted and signed if the app has an encrypt key."""
        body = msgspec.json.encode(document)
        headers = {"Content-Type": "application/json;charset=utf-8"}
        if app.encrypt_key:
            iv = bytes.fromhex(self._tenant.ids.mint())
            body = msgspec.json.encode({"encrypt": encrypt(body, app.encrypt_key, iv)})
            if signed:
                headers |= self._signature(app, body)
        return self._client.build_request("POST", app.callback_url, content=body, headers=headers)

    def _signature(self, app: App, body: bytes) -> dict[str, str]:
        seconds = self._tenant.clock.now() // 1000 + self._tenant.knobs.callback_skew_s
        timestamp, nonce = str(seconds), self._tenant.ids.mint()
        return {
            "X-Lark-Request-Timestamp": timestamp,
            "X-Lark-Request-Nonce": nonce,
            "X-Lark-Signature": signature(timestamp, nonce, app.encrypt_key, body),
        }

    async def post(
        self, app: App, document: dict[str, Any], limit_ms: int, *, signed: bool = True
    ) -> Answered:
        """Send a document and wait at most `limit_ms` of the tenant's clock for the answer.

        It is logged among the calls, under the event's type.
        """
        if app.long_connection:
            answered = await self._along(app, document, limit_ms)
        else:
            answered = await self._post(app, document, limit_ms, signed=signed)
        event = document.get("event", {})
        place = event.get("context", event.get("message", {}))
        self._tenant.log(
            Call(
                at=self._tenant.clock.now() - answered.ms,
                app=app.app_id,
                call=document.get("header", {}).get("event_type", document.get("type", "")),
                chat_id=place.get("open_chat_id", place.get("chat_id", "")),
                http=answered.http or 0,
                code=answered.code,
                ms=answered.ms,
            )
        )
        return answered

    async def _post(
        self, app: App, document: dict[str, Any], limit_ms: int, *, signed: bool
    ) -> Answered:
        if not app.callback_url:
            return Answered(NO_ADDRESS, error="the app has no callback address")
        start = self._tenant.clock.now()
        try:
            request = self.request(app, document, signed=signed)
            response = await self._tenant.clock.within(self._client.send(request), limit_ms)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            return Answered(BAD_ADDRESS, error=str(error))
        except TimeoutError:
            return Answered(TOO_LATE, ms=limit_ms, error=f"no answer within {limit_ms} ms")
        except httpx.TransportError as error:
            ms = self._tenant.clock.now() - start
            return Answered(_why(error), ms=ms, error=f"{type(error).__name__}: {error}")
        ms = self._tenant.clock.now() - start
        if response.status_code != httpx.codes.OK:
            error_text = f"the answer is HTTP {response.status_code}, not 200"
            return Answered(NOT_200, response.status_code, response.content, ms, error_text)
        return Answered(0, response.status_code, response.content, ms)

    async def _along(self, app: App, document: dict[str, Any], limit_ms: int) -> Answered:
        """Send a document along one of the app's long connections: plain, and not signed."""
        tenant, start = self._tenant, self._tenant.clock.now()
        clicked = document.get("header", {}).get("event_type") == "card.action.trigger"
        kind = tenant.knobs.ws_click_type if clicked else "event"
        body = msgspec.json.encode(document)
        try:
            sending = tenant.lines.deliver(tenant, app, kind, body)
            heard = await tenant.clock.within(sending, limit_ms)
        except TimeoutError:
            return Answered(TOO_LATE, ms=limit_ms, error=f"no answer within {limit_ms} ms")
        ms = tenant.clock.now() - start
        if heard.code:
            return Answered(NOT_200, max(heard.code, 0), ms=ms, error=heard.error)
        if heard.error:
            return Answered(NO_CONNECTION, ms=ms, error=heard.error)
        return Answered(0, httpx.codes.OK, heard.body, ms)

    async def verify(self, app: App) -> str | None:
        """Ask the app's address to answer a challenge; return what is wrong, or None."""
        challenge = self._tenant.ids.mint()
        document = {
            "challenge": challenge,
            "token": app.verification_token,
            "type": "url_verification",
        }
        limit = self._tenant.knobs.challenge_limit_ms
        answered = await self.post(app, document, limit, signed=False)
        if answered.code:
            return answered.error
        if _object(answered.body).get("challenge") != challenge:
            return "the answer does not repeat the challenge"
        return None

    async def event(self, app: App, kind: str, event: dict[str, Any]) -> None:
        """Push an event until it is answered with 200: at once, then after each retry delay."""
        document = {"schema": "2.0", "header": header(self._tenant, app, kind, 1), "event": event}
        for delay in (*EVENT_RETRIES_MS, None):
            answered = await self.post(app, document, self._tenant.knobs.callback_limit_ms)
            if not answered.code or delay is None:
                return
            await self._tenant.clock.elapse(delay)


def _why(error: httpx.TransportError) -> int:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return NO_DNS
        cause = cause.__cause__ or cause.__context__
    return NO_CONNECTION if isinstance(error, httpx.ConnectError) else REQUEST_FAILED


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def header(tenant: Tenant, app: App, kind: str, scale: int) -> dict[str, Any]:
    """Return a v2 envelope's header; `scale` 1 is milliseconds, 1000 the callbacks' micros."""
    return {
        "event_id": tenant.ids.mint(),
        "token": app.verification_token,
        "create_time": str(tenant.clock.now() * scale),
        "event_type": kind,
        "tenant_key": tenant.key,
        "app_id": app.app_id,
    }
