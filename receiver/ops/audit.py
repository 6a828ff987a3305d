"""A line of the audit as one line of JSON, whatever its texts are."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from receiver.store.base import Deed

# https://www.w3.org/TR/trace-context/#traceparent-header
_TRACE = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


def audit_line(deed: Deed) -> str:
    """Return a deed as JSON without a line break, nor anything else that steers a terminal."""
    said = msgspec.json.encode(audit_object(deed)).decode()
    return said if said.isprintable() else "".join(map(_harmless, said))


def audit_object(deed: Deed) -> dict[str, Any]:
    """Return what the audit says of a deed; ``at`` in Unix ms."""
    entry = deed.entry
    found = _TRACE.fullmatch(entry.trace)
    return {
        "id": deed.id,
        "at": entry.at,
        "time": _moment(entry.at),
        "incident": deed.incident or None,
        "kind": entry.kind,
        "detail": entry.detail,
        "result": entry.result,
        "name": entry.actor,
        "open_id": entry.open_id,
        "union_id": entry.union_id,
        "place": entry.place,
        "trace_id": found[1] if found else "",
    }


def _harmless(char: str) -> str:
    """Return a character as it may stand in a JSON text that is printed."""
    if char.isprintable():
        return char
    encoded = char.encode("utf-16-be").hex()
    return "".join(f"\\u{encoded[at : at + 4]}" for at in range(0, len(encoded), 4))


def _moment(at: int) -> str:
    try:
        moment = datetime.fromtimestamp(at / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
