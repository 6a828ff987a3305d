"""Calendars as programs write them."""

ZONE = """BEGIN:VTIMEZONE
TZID:Office
BEGIN:STANDARD
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
END:DAYLIGHT
END:VTIMEZONE"""


def calendar(*parts: str, zone: str = "") -> bytes:
    """Return a calendar of these parts."""
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//example//duty//EN"]
    named = [f"X-WR-TIMEZONE:{zone}"] if zone else []
    lines = "\n".join([*head, *named, *parts, "END:VCALENDAR", ""])
    return lines.replace("\n", "\r\n").encode()


def event(*lines: str, uid: str = "1") -> str:
    """Return an event of these lines."""
    return "\n".join(
        ["BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20260101T000000Z", *lines, "END:VEVENT"]
    )


def weekly(who: str, day: str = "20260105", uid: str = "1", every: int = 2) -> str:
    """Return whole weeks of somebody, in turn with others."""
    return event(
        f"DTSTART;VALUE=DATE:{day}",
        "DURATION:P7D",
        f"RRULE:FREQ=WEEKLY;INTERVAL={every}",
        f"SUMMARY:{who}",
        uid=uid,
    )
