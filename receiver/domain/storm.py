"""When a target's backlog is a storm, and when the storm is over."""

from enum import StrEnum
from typing import NamedTuple

SECOND = 1_000
AFTER = 20 * SECOND
# A storm ends when what came within this time could have been shown in half the time of a storm.
CALM = 60 * SECOND
# A digest that nobody could be shown is not closed, but for ever is too long.
UNTOLD_PATIENCE = 15 * 60 * SECOND


class StormStep(StrEnum):
    """What is done with a target's backlog, and why; a reason of its own for doing nothing."""

    CALM = "calm"  # everything can be shown in time
    OFF = "off"  # storm mode is switched off
    HELD = "held"  # nothing can be sent there now, so nobody would see a digest either
    BEGIN = "begin"
    GATHER = "gather"  # a storm goes on
    END = "end"


class Rules(NamedTuple):
    """Whether there is a storm mode, and after how long a wait (ms) a backlog is a storm."""

    enabled: bool = True
    after: int = AFTER


class Pressure(NamedTuple):
    """A target as a storm sees it; times in ms."""

    waiting: int  # lesser incidents that were never shown
    drain: int  # how long the limits need to let all of them pass
    recent_drain: int  # and for as many as the digest took in within the last CALM
    since: int | None  # when the open digest was begun; None without one
    held: bool  # its circuit is open
    untold: int = 0  # what the digest took in and nobody was shown yet
    refused: bool = False  # the digest itself was refused for good


def next_step(pressure: Pressure, rules: Rules, now: int) -> StormStep:
    """Decide what to do with a target's backlog."""
    if pressure.since is None:
        if not rules.enabled:
            return StormStep.OFF
        if pressure.held:
            return StormStep.HELD
        late = pressure.waiting > 0 and pressure.drain > rules.after
        return StormStep.BEGIN if late else StormStep.CALM
    if not rules.enabled or pressure.refused:
        return StormStep.END
    lasted = now - pressure.since
    quiet = lasted >= CALM and pressure.drain <= rules.after
    if pressure.untold and (pressure.held or lasted < UNTOLD_PATIENCE):
        return StormStep.GATHER
    return (
        StormStep.END if quiet and pressure.recent_drain * 2 <= rules.after else (StormStep.GATHER)
    )
