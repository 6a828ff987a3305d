"""The conservation law: each episode in each target is in exactly one state.

A card carries the units of its target: the episodes of its incident since the card was made. What
has no other state is pending.
"""

from enum import StrEnum
from typing import NamedTuple


class UnitState(StrEnum):
    """Where a unit, an (episode, target), stands."""

    PENDING = "pending"
    SHOWN = "shown"
    DIGESTED = "digested"
    SUPPRESSED = "suppressed"
    DEAD_LETTERED = "dead_lettered"


class Units(NamedTuple):
    """A card's units; ``base`` is how many episodes its incident had had before the card."""

    base: int = 0
    shown: int = 0
    digested: int = 0
    suppressed: int = 0
    dead_lettered: int = 0

    def pending(self, joined: int) -> int:
        """Return how many are pending, of an incident with so many episodes so far."""
        return (
            joined - self.base - self.shown - self.digested - self.suppressed - (self.dead_lettered)
        )


def show(units: Units, joined: int) -> Units:
    """Count everything up to an episode as shown: a card shows its whole incident.

    What was suppressed stays so: nobody had been told of it when it mattered.
    """
    left = joined - units.base - units.suppressed
    if left <= units.shown:
        return units
    behind = units.shown + units.digested + units.dead_lettered - left  # came after that episode
    digested = min(units.digested, max(behind, 0))
    dead = min(units.dead_lettered, max(behind - digested, 0))
    return units._replace(shown=left, digested=digested, dead_lettered=dead)


def digest(units: Units, joined: int) -> Units:
    """Count everything up to an episode that was shown nowhere as shown by a digest."""
    taken = max(units.pending(joined), 0) + units.dead_lettered
    return units._replace(digested=units.digested + taken, dead_lettered=0)


def suppress(units: Units, joined: int) -> Units:
    """Count what is pending up to an episode as suppressed."""
    return units._replace(suppressed=units.suppressed + max(units.pending(joined), 0))


def bury(units: Units, joined: int) -> Units:
    """Count what is pending up to an episode as dead-lettered."""
    return units._replace(dead_lettered=units.dead_lettered + max(units.pending(joined), 0))


def give_away(units: Units, joined: int) -> Units:
    """Count what was never shown as suppressed, dead letters too.

    Another target takes it over, or there is nothing left to show of it.
    """
    own = suppress(units, joined)
    return own._replace(suppressed=own.suppressed + own.dead_lettered, dead_lettered=0)
