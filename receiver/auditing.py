"""What ``receiver audit`` does: the audit of a store, line by line."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from receiver.config import load
from receiver.ops.audit import audit_line
from receiver.store.base import ENDLESS, Deeds, Unusable
from receiver.store.trail import every_deed

_AGO = re.compile(r"(\d{1,6})([mhdw])", re.ASCII)
_UNITS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}


class BadTime(ValueError):
    """A text that is no time; the message says how to write one."""


def moment_of(text: str, now: int) -> int:
    """Read a time in Unix ms: a date, a date with a time, or how long ago; UTC without a zone.

    Raises:
        BadTime: it is none of these.

    """
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now - int(ago[1]) * _UNITS[ago[2]]
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return max(round(aware.timestamp() * 1000), 0)
    except (ValueError, OverflowError):
        cure = "write 2026-08-01, 2026-08-01T09:00+08:00, or how long ago: 30m, 24h, 7d"
        raise BadTime(f"{text!r} is no time; {cure}") from None


def lines_of(
    path: Path,
    environ: Mapping[str, str],
    span: tuple[str, str],
    only: tuple[int | None, str],
    now: int,
) -> Iterator[str]:
    """Return the audit of a configuration's store; ``span`` and ``only`` as the options say.

    Raises:
        BadConfig: the configuration cannot be used.
        BadTime: a time cannot be read.
        Unusable: there is no store to read.

    """
    since, until = span
    incident, kind = only
    wanted = Deeds(
        since=moment_of(since, now) if since else 0,
        until=moment_of(until, now) if until else ENDLESS,
        incident=incident,
        kind=kind,
    )
    store = load(path, environ).store
    if store.path is None:
        raise Unusable(f"store.url: {store.url} is not a file of SQLite")
    return (audit_line(deed) for deed in every_deed(store.path, wanted))
