"""Opens a connection to an address that the platform named, and never says what that address is."""

import logging
import ssl
from collections.abc import Iterable
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidProxy, InvalidStatus

from receiver.channels.feishu.stream_endpoint import Loss, Trouble, place_of, refused_handshake
from receiver.channels.feishu.stream_frame import FRAME_LIMIT

OPEN_MOST: Final = 10.0  # seconds
CLOSE_MOST: Final = 2.0
QUEUE: Final = 32  # messages that were received and not looked at; then TCP holds the rest back
USER_AGENT: Final = "alertmanager-feishu-receiver"

# The library logs requests with their address, in which credentials are.
_silent = logging.getLogger("receiver.stream.wire")
_silent.disabled = True


class _Connect(connect):
    """Follows no redirect: the address was checked, and what it points to was not."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def _tls(url: str) -> ssl.SSLContext | None:
    return ssl.create_default_context() if url.startswith("wss:") else None


async def open_wire(url: str) -> ClientConnection | Trouble:
    """Return a connection, or why there is none; nothing is raised but cancellation.

    The environment's proxies are followed, except to this very machine, where the sandbox is.
    """
    try:
        return await _Connect(
            url,
            ssl=_tls(url),
            proxy=None if place_of(url).local else True,
            compression=None,
            user_agent_header=USER_AGENT,
            open_timeout=OPEN_MOST,
            close_timeout=CLOSE_MOST,
            ping_interval=None,  # the platform has frames of its own for that
            max_size=FRAME_LIMIT,
            max_queue=QUEUE,
            logger=_silent,
        )
    except InvalidStatus as refused:
        answer = refused.response
        return refused_handshake(_named(answer.headers.raw_items()), answer.status_code)
    except InvalidProxy:
        return Trouble(Loss.REFUSED, "an unusable proxy", "correct HTTPS_PROXY")
    except ImportError:
        cure = "use an HTTP proxy in HTTPS_PROXY: SOCKS is not supported"
        return Trouble(Loss.REFUSED, "a SOCKS proxy", cure)
    except (InvalidHandshake, OSError, TimeoutError, EOFError, ValueError) as failure:
        return Trouble(Loss.UNREACHABLE, f"not reached: {type(failure).__name__}")


def _named(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return dict(headers)
