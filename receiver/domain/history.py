"""How often a group had incidents of late, and how the last one went."""

from receiver.domain.incident import Incident, Kind, Past

WINDOW = 7 * 24 * 60 * 60_000
# Openings that are remembered: of a group that is worse than that, "100th" says enough.
OPENINGS_KEPT = 99


def recall(opened: Incident, last: Incident, owner: str) -> Incident:
    """Return an incident that opens now, with its group's past in it.

    ``last`` is the group's incident before it, and ``owner`` who took that one last. What the
    last one knew of those before it is handed on, so nothing but it has to be looked up.
    """
    if opened.kind is Kind.MESSAGE or last.kind is Kind.MESSAGE:
        return opened
    since = opened.opened_at - WINDOW
    times = tuple(at for at in (*last.past.openings, last.opened_at) if at > since)
    if not times:
        return opened
    ended = last.opened_at if last.closed_at is None else last.closed_at
    lasted = max(ended - last.opened_at, 0)
    return opened._replace(past=Past(times[-OPENINGS_KEPT:], owner, lasted))
