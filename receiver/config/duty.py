"""On-call lists as configured; times are integer milliseconds."""

from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from receiver.config.secret import Secret
from receiver.domain.escalated import EscalationStep, Plan
from receiver.domain.oncall import Override, Rotation, moment

MINUTE = 60_000
HANDOVER = time(9)  # where ``start`` is a day alone


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """One person instead of the rotation's; times without a zone are in the rotation's."""

    begins: datetime
    ends: datetime
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationConfig:
    """People in turn; ``every`` is None for each working day."""

    zone: ZoneInfo
    start: datetime
    handover: time | None = None
    every: timedelta | None
    people: tuple[str, ...]
    overrides: tuple[StandIn, ...] = ()

    @property
    def value(self) -> Rotation:
        """The rotation as it is asked."""
        given = self.start.time()
        first = self.handover or (HANDOVER if given == time() else given)
        wall = datetime.combine(self.start.date(), first)
        overrides = tuple(
            Override(at(each.begins, self.zone), at(each.ends, self.zone), each.person)
            for each in self.overrides
        )
        return Rotation(
            zone=self.zone,
            start=wall,
            every=self.every,
            people=self.people,
            overrides=overrides,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """An iCalendar at an address or in a file; ``zone`` is that of times without one."""

    url: Secret | None = None  # private addresses of calendars are secrets
    file: Path | None = None
    zone: ZoneInfo | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    every: int = 5 * MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address that answers with the people who are on call now."""

    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    bearer_token: Secret | None = None
    every: int = MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class OncallList:
    """Who is on call for something, from exactly one place."""

    name: str
    rotation: RotationConfig | None = None
    ical: Calendar | None = None
    http: Endpoint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """Who is called, in steps, for what nobody looks after."""

    name: str
    steps: tuple[EscalationStep, ...]

    @property
    def plan(self) -> Plan:
        """The steps, each with those whom it calls; none where the route's mention says it."""
        whom: tuple[str, ...] = ()
        found = []
        for step in self.steps:
            whom = step.whom or whom
            found.append(replace(step, whom=whom))
        return tuple(found)


def at(when: datetime, zone: ZoneInfo) -> int:
    """Return a time as Unix ms; one without a zone is in this one."""
    return moment(when if when.tzinfo is not None else when.replace(tzinfo=zone))
