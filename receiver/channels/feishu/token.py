"""The app's access token: fetched once for everybody, and renewed before it ends.

https://open.feishu.cn/document/server-docs/authentication-management/access-token/tenant_access_token_internal
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from receiver.channels.feishu.attempt import Ports, attempt
from receiver.channels.feishu.content import UNREADABLE
from receiver.channels.feishu.flights import Flights
from receiver.channels.feishu.http import Request
from receiver.domain.outcome import Outcome, Rejected, Retry, RetryReason

PATH = "/open-apis/auth/v3/tenant_access_token/internal"
LIFE_LIMIT = 2 * 60 * 60  # seconds
# With 30 minutes or more to live, the platform hands out the same token again.
RENEW_BELOW = 25 * 60_000  # ms left to live
JITTER = 3 * 60_000  # ms, so that replicas do not ask together
SPENT_BELOW = 60_000  # ms: too little to start a call with
FAILURE_PAUSE = 1_000  # ms in which a failure is not tried again
RENEWAL_PAUSE = 30_000  # ms between attempts to renew while the old one lives

ObserveToken = Callable[[str, bool, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An app, and where its platform is."""

    name: str
    base_url: str
    app_id: str
    app_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and when it ends in Unix milliseconds."""

    value: str = field(repr=False)
    expires_at: int


@dataclass(frozen=True, slots=True)
class _Failure:
    outcome: Retry | Rejected
    at: int


class _Issued(msgspec.Struct):
    # It becomes a header, so nothing but printable ASCII is taken for one.
    tenant_access_token: Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,4096}\Z")]
    expire: Annotated[int, msgspec.Meta(gt=0)]


_issued = msgspec.json.Decoder(_Issued).decode


class TokenSource:
    """Keeps one app's token; ``observe`` is told (app, whether it succeeded, end in Unix ms)."""

    def __init__(self, account: Account, ports: Ports, observe: ObserveToken) -> None:
        self._account = account
        self._ports = ports
        self._observe = observe
        self._flights: Flights[Token | Retry | Rejected] = Flights()
        self._token: Token | None = None
        self._failed: _Failure | None = None
        self._renew_below = RENEW_BELOW

    def __repr__(self) -> str:
        return f"TokenSource({self._account.name!r})"

    async def get(self) -> Token | Retry | Rejected:
        """Return a token to call with, or why there is none; never ambiguous."""
        now = self._ports.now()
        token = self._token
        if token is not None and token.expires_at - now > SPENT_BELOW:
            if token.expires_at - now < self._renew_below and not self._pausing(RENEWAL_PAUSE):
                self._flights.start("token", self._fetch)
            return token
        if self._failed is not None and self._pausing(FAILURE_PAUSE):
            return self._failed.outcome
        return await asyncio.shield(self._flights.start("token", self._fetch))

    def drop(self, token: Token) -> None:
        """Forget a token that the platform refused, unless it was replaced meanwhile."""
        if self._token is not None and self._token.value == token.value:
            self._token = None

    async def close(self) -> None:
        """End what runs in the background."""
        await self._flights.close()

    def _pausing(self, pause: int) -> bool:
        failed = self._failed
        return failed is not None and 0 <= self._ports.now() - failed.at < pause

    async def _fetch(self) -> Token | Retry | Rejected:
        account = self._account
        asked_at = self._ports.now()
        url = account.base_url + PATH
        body = {"app_id": account.app_id, "app_secret": account.app_secret}
        request = Request(
            method="POST",
            url=url,
            template=PATH,
            shown_url=url,
            body=msgspec.json.encode(body),
        )
        result = await attempt(self._ports, request, None)
        fetched = _token(result.body, asked_at, result.outcome)
        self._settle(fetched)
        return fetched

    def _settle(self, fetched: Token | Retry | Rejected) -> None:
        if isinstance(fetched, Token):
            self._token, self._failed = fetched, None
            self._renew_below = RENEW_BELOW - int(self._ports.share() * JITTER)
        else:
            self._failed = _Failure(fetched, self._ports.now())
        ends = 0 if self._token is None else self._token.expires_at
        self._observe(self._account.name, isinstance(fetched, Token), ends)


def _token(body: bytes, asked_at: int, outcome: Outcome) -> Token | Retry | Rejected:
    if isinstance(outcome, Rejected):
        return Rejected(outcome.reason, f"no access token: {outcome.detail}")
    if isinstance(outcome, Retry):
        # The call that needs the token was not made, so nothing about it is uncertain.
        reason = RetryReason.TOKEN if outcome.reason.ambiguous else outcome.reason
        return Retry(reason, outcome.after, f"no access token: {outcome.detail}")
    try:
        issued = _issued(body)
    except UNREADABLE:
        return Retry(RetryReason.TOKEN, 0, "no access token: the answer holds none")
    return Token(issued.tenant_access_token, asked_at + min(issued.expire, LIFE_LIMIT) * 1_000)
