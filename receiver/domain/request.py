"""A silence that awaits a second person."""

from typing import NamedTuple

from receiver.domain.person import Actor
from receiver.domain.silence import MINUTE, Silence, SilenceState

APPROVAL_LIFE = 15 * MINUTE


class Request(NamedTuple):
    """Silences that one action asked for; they are made exactly so, or not at all."""

    id: str  # the action's
    silences: tuple[Silence, ...]
    source: str  # whose Alertmanager would make them
    at: int
    until: int  # when it lapses (Unix ms)
    muting: int  # firing alerts that they would mute, when it was asked

    @property
    def asker(self) -> Actor:
        """Who asked: of a longer silence, who wants it so and not who made it."""
        first = self.silences[0]
        longer = first.state is SilenceState.EXTENDING
        return (first.extender if longer else None) or first.actor
