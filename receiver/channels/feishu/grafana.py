"""Dashboards of Grafana, opened at the time of an incident.

https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/create-dashboard-url-variables/
"""

import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

MARGIN = 30 * 60_000  # ms shown before an incident, and after it
# A dashboard, a single panel of one, and the older addresses by name.
_DASHBOARD = re.compile(
    r"(?:^|/)(?:d|d-solo)/[A-Za-z0-9_-]{1,40}(?:/|$)|/dashboard(?:-solo)?/db/", re.ASCII
)
_TIMED = re.compile(r"(?:^|&)(?:from|to|time|time\.window)=", re.ASCII)


def around(url: str, since: int, until: int | None) -> str:
    """Return a dashboard's address with the time around an incident (Unix ms) in it.

    An address that names a time already, or that is not a dashboard of Grafana, stays as it is.
    """
    try:
        parts: SplitResult = urlsplit(url)
    except ValueError:
        return url
    if _DASHBOARD.search(parts.path) is None or _TIMED.search(parts.query):
        return url
    begin = max(since - MARGIN, 0)
    end = "now" if until is None else str(until + MARGIN)
    timed = f"from={begin}&to={end}"
    query = f"{parts.query}&{timed}" if parts.query else timed
    return urlunsplit(parts._replace(query=query))
