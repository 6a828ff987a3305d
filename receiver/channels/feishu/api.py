"""The platform's API as one app may call it: with its token, renewed once where it is refused."""

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

import msgspec

from receiver.channels.feishu.attempt import Ports, Result, attempt
from receiver.channels.feishu.http import Request
from receiver.channels.feishu.token import Account, ObserveToken, Token, TokenSource
from receiver.domain.card import Call
from receiver.domain.outcome import Retry, RetryReason

_encode = msgspec.json.Encoder().encode


class BadAddress(ValueError):
    """A URL that cannot be called; the text names the channel, and not the URL."""


class Api:
    """Makes authorised calls for one app.

    Raises:
        BadAddress: at construction, when ``base_url`` is no http or https URL.

    """

    def __init__(self, account: Account, ports: Ports, observe_token: ObserveToken) -> None:
        check_address(account.name, "base_url", account.base_url)
        self._name = account.name
        self._base = account.base_url.rstrip("/")
        self._ports = ports
        trimmed = Account(
            name=account.name,
            base_url=self._base,
            app_id=account.app_id,
            app_secret=account.app_secret,
        )
        self._tokens = TokenSource(trimmed, ports, observe_token)

    async def call(
        self,
        endpoint: tuple[str, str],
        path: str,
        *,
        call: Call | None = None,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Result:
        """Make a call; nothing is raised but cancellation.

        Args:
            endpoint: the method and the documented path, whose parameters begin with a colon.
            path: the path itself, its parameters quoted.
            call: the kind of call, or None for one that neither sends nor edits.
            query: what follows the path.
            body: what is sent as JSON.

        """
        result = Result(Retry(RetryReason.TOKEN))
        for resend in range(2):
            token = await self._tokens.get()
            if not isinstance(token, Token):
                return Result(token)
            url = self._base + path + (f"?{urlencode(query)}" if query else "")
            request = Request(
                method=endpoint[0],
                url=url,
                template=endpoint[1],
                shown_url=url,
                body=b"" if body is None else _encode(body),
                headers={"Authorization": f"Bearer {token.value}"},
                channel=self._name,
            )
            result = await attempt(self._ports, request, call, resend)
            if not _token_refused(result):
                break
            self._tokens.drop(token)
        return result

    async def close(self) -> None:
        """End what runs in the background."""
        await self._tokens.close()


def check_address(name: str, key: str, url: str) -> None:
    """Check that a URL can be called.

    Raises:
        BadAddress: if not; the URL itself is not quoted, since it may hold a secret.

    """
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or not url.isascii() or not url.isprintable() or " " in url:
        raise BadAddress(f"feishu {name!r}: {key} is no http:// or https:// URL")


def _token_refused(result: Result) -> bool:
    outcome = result.outcome
    return isinstance(outcome, Retry) and outcome.reason is RetryReason.TOKEN
