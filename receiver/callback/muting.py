"""What silences a command makes: for each set of labels, one in each source where it fires."""

from collections.abc import Sequence
from typing import NamedTuple

from receiver.callback.answers import cut, number
from receiver.channels.feishu.answer_card import Line
from receiver.domain.commanding import covers
from receiver.domain.incident import Incident, Kind
from receiver.domain.scope import Matchers
from receiver.phrases import Said
from receiver.store.base import Snapshot

NAMED_LIMIT = 120


class Job(NamedTuple):
    """One silence, the incident that keeps it, and what of its source it mutes now."""

    matchers: Matchers
    host: Incident
    alerts: int
    incidents: int


class Plan(NamedTuple):
    """The silences to make, and the sets of labels that nothing which fires carries."""

    jobs: tuple[Job, ...]
    idle: tuple[Matchers, ...]


def planned(alive: Sequence[Snapshot], sets: Sequence[Matchers]) -> Plan:
    """Return what is to be made for these sets; ``alive`` are the incidents, the newest first."""
    found = {matchers: _jobs(alive, matchers) for matchers in sets}
    jobs = tuple(job for some in found.values() for job in some)
    return Plan(jobs, tuple(matchers for matchers, some in found.items() if not some))


def _jobs(alive: Sequence[Snapshot], matchers: Matchers) -> list[Job]:
    """Return one job a source: the newest incident with an alert that it mutes keeps it."""
    found: dict[str, Job] = {}
    for one in alive:
        if one.incident.kind is not Kind.ALERTS:
            continue
        count = sum(1 for each in one.members if each.firing and covers(matchers, each.labels))
        if count:
            job = found.setdefault(one.incident.source, Job(matchers, one.incident, 0, 0))
            found[one.incident.source] = job._replace(
                alerts=job.alerts + count, incidents=job.incidents + 1
            )
    return list(found.values())


def mutes_line(job: Job) -> Line:
    """Say what a silence mutes right now, and where it is kept."""
    source, kept = job.host.source, number(job.host)
    return (
        Said(
            f"{source}:现在匹配 {job.alerts} 条告警,{job.incidents} 个事件,记在 {kept}",
            f"{source}: alerts that match now: {job.alerts}, incidents: {job.incidents}; "
            f"kept with {kept}",
        ),
    )


def left_out(plan: Plan, most: int) -> list[Line]:
    """Say what was not silenced: what nothing fires of, and what was too much."""
    lines: list[Line] = []
    for matchers in plan.idle:
        named = cut(", ".join(f"{name}={value}" for name, value in matchers), NAMED_LIMIT)
        said = Said(
            f"没有正在告警的告警匹配 {named},未静默",
            f"Nothing that fires matches {named}: not silenced",
        )
        lines.append((said,))
    left = len(plan.jobs) - most
    if left > 0:
        lines.append((Said(f"另有 {left} 个未静默", f"{left} more were not silenced"),))
    return lines
