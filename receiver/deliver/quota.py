"""The month's calls of a free tenant: counted by ourselves, and spent on what matters most.

https://open.feishu.cn/document/platform-overveiw/basic-concepts/custom-app-api-call-limit
All apps of a tenant share it. It counts no tokens, no contacts and no answers to clicks.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from enum import StrEnum

from receiver.channels.base import Channel, Metered
from receiver.domain.outcome import Outcome, Retry, RetryReason
from receiver.domain.step import (
    Create,
    Patch,
    Post,
    Reply,
)

# The month is Beijing's, which has had no other offset since 1991.
BEIJING = timezone(timedelta(hours=8))
DECEMBER = 12
FRUGAL_FROM = 70  # percent
KEY = "month:"

Calling = Create | Patch | Reply | Post


class Stance(StrEnum):
    """How a month's calls may be spent."""

    FREE = "free"
    FRUGAL = "frugal"
    SPENT = "spent"


class Thrift(StrEnum):
    """What becomes of one call."""

    PLENTY = "plenty"
    CRITICAL = "critical"  # made: it is for this that the rest is kept
    REPEATED = "repeated"  # made: what may have been accepted must be found out
    MOVED = "moved"  # to the fallback target, which costs nothing here
    KEPT = "kept"  # not made before the next month, or as what nobody must notice


def month_of(now: int) -> str:
    """Return a moment's month in Beijing, as YYYY-MM."""
    return datetime.fromtimestamp(now / 1000, BEIJING).strftime("%Y-%m")


def month_ends(now: int) -> int:
    """Return when a moment's month ends in Beijing, in Unix ms."""
    at = datetime.fromtimestamp(now / 1000, BEIJING)
    year, month = (at.year + 1, 1) if at.month == DECEMBER else (at.year, at.month + 1)
    return int(datetime(year, month, 1, tzinfo=BEIJING).timestamp()) * 1000


def stance(calls: int, most: int) -> Stance:
    """Say how a month may go on after so many of so many calls; 0 allows any number."""
    if not most:
        return Stance.FREE
    if calls >= most:
        return Stance.SPENT
    return Stance.FRUGAL if calls * 100 >= most * FRUGAL_FROM else Stance.FREE


def thrift(
    stands: Stance, step: Calling, *, critical: bool, repeated: bool, calls: bool, fallback: bool
) -> Thrift:
    """Say what becomes of a call; total.

    Args:
        stands: how the month may go on.
        step: what is to be done.
        critical: whether its incident is.
        repeated: whether it is a create whose last outcome is unknown.
        calls: whether people must notice what is new, and so a reply will follow an edit.
        fallback: whether another target can take over a card that was never shown.

    """
    if stands is Stance.FREE:
        return Thrift.PLENTY
    if repeated:
        return Thrift.REPEATED
    if critical:
        # An edit is what a click's answer brings too, unless a reply needs it first.
        return Thrift.KEPT if isinstance(step, Patch) and not calls else Thrift.CRITICAL
    return Thrift.MOVED if fallback and isinstance(step, Create | Post) else Thrift.KEPT


def made(outcome: Outcome) -> bool:
    """Whether a call reached the platform, and so counts."""
    return not (
        isinstance(outcome, Retry)
        and outcome.reason in (RetryReason.UNREACHABLE, RetryReason.TOKEN)
    )


class Meter:
    """How many calls each tenant has made this month; the store keeps the same numbers."""

    def __init__(self) -> None:
        self._calls: dict[str, int] = {}

    def restore(self, counted: Mapping[str, int]) -> None:
        """Take over what an earlier run has counted."""
        self._calls = {key: calls for key, calls in counted.items() if key.startswith(KEY)}

    def count(self, channel: Channel, now: int) -> tuple[str, ...]:
        """Count a call that was made; return the keys to keep it under."""
        if not isinstance(channel, Metered):
            return ()
        key = _key(channel.quota.tenant, now)
        self._calls[key] = self._calls.get(key, 0) + 1
        return (key,)

    def calls(self, tenant: str, now: int) -> int:
        """Return a tenant's calls of this month."""
        return self._calls.get(_key(tenant, now), 0)

    def stance(self, channel: Channel, channels: Iterable[Channel], now: int) -> Stance:
        """Say how a channel may spend this month; ``channels`` are all that are configured."""
        if not isinstance(channel, Metered):
            return Stance.FREE
        tenant = channel.quota.tenant
        return stance(self.calls(tenant, now), quotas(channels).get(tenant, 0))


def quotas(channels: Iterable[Channel]) -> dict[str, int]:
    """Return each tenant's calls of a month: the least that one of its apps names, else 0."""
    found: dict[str, int] = {}
    for channel in channels:
        if isinstance(channel, Metered):
            tenant, most = channel.quota
            before = found.get(tenant, 0)
            found[tenant] = min(before, most) if before and most else before or most
    return found


def kin(name: str, channels: Mapping[str, Channel]) -> tuple[str, ...]:
    """Return the channels that spend the same quota as this one, itself first."""
    channel = channels.get(name)
    if not isinstance(channel, Metered):
        return (name,)
    tenant = channel.quota.tenant
    others = (
        other.name
        for other in channels.values()
        if isinstance(other, Metered) and other.quota.tenant == tenant
    )
    return tuple(dict.fromkeys((name, *others)))


def _key(tenant: str, now: int) -> str:
    return f"{KEY}{tenant}:{month_of(now)}"
