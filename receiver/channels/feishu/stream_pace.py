"""How often a long connection is tried and probed, as the platform says it; pure.

https://open.feishu.cn/document/server-docs/event-subscription-guide/event-subscription-configure-/request-url-configuration-case
"""

from typing import Final, NamedTuple

import msgspec

from receiver.channels.feishu.content import UNREADABLE

# What the platform asks for stays within these seconds, whatever it says.
PING_LEAST, PING_MOST = 1.0, 600.0
WAIT_LEAST, WAIT_MOST = 0.1, 3_600.0
# A mistake in the console is cured by a person, in minutes.
SLOW: Final = 300.0


class Pace(NamedTuple):
    """Seconds, but for ``tries``: how often it is tried at the interval, -1 for ever."""

    tries: int = -1
    interval: float = 120.0
    nonce: float = 30.0
    ping: float = 120.0

    @property
    def silence(self) -> float:
        """Seconds without an answer to a ping, after which the connection counts as dead."""
        return 2 * self.ping


class _Told(msgspec.Struct):
    tries: int | None = msgspec.field(default=None, name="ReconnectCount")
    interval: float | None = msgspec.field(default=None, name="ReconnectInterval")
    nonce: float | None = msgspec.field(default=None, name="ReconnectNonce")
    ping: float | None = msgspec.field(default=None, name="PingInterval")


_told = msgspec.json.Decoder(_Told).decode


def told(raw: bytes, before: Pace) -> Pace:
    """Return the pace that a ClientConfig asks for; what is missing or absurd stays as it was."""
    try:
        said = _told(raw)
    except UNREADABLE:
        return before
    return Pace(
        tries=before.tries if said.tries is None else max(said.tries, -1),
        interval=_within(said.interval, (WAIT_LEAST, WAIT_MOST), before.interval),
        nonce=_within(said.nonce, (0.0, WAIT_MOST), before.nonce),
        ping=_within(said.ping, (PING_LEAST, PING_MOST), before.ping),
    )


def _within(asked: float | None, bounds: tuple[float, float], before: float) -> float:
    if asked is None or asked < 0:
        return before
    return min(max(asked, bounds[0]), bounds[1])


def pause(pace: Pace, tries: int, share: float, *, refused: bool) -> float:
    """Return the seconds to wait before the next try.

    Args:
        pace: as the platform asked for it.
        tries: how many have failed since the connection last worked.
        share: luck in [0, 1), so that many clients do not come back at once.
        refused: whether only a person can cure it; then it is tried slowly.

    """
    if refused or 0 <= pace.tries < tries:
        return SLOW * (0.5 + share / 2)
    if tries == 0:
        return max(share * pace.nonce, WAIT_LEAST)
    return pace.interval
