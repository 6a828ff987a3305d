"""What the policy says of an action, and what would help."""

from enum import StrEnum
from typing import NamedTuple


class PolicyReason(StrEnum):
    """What the rules say; all but the first are also what became of the click."""

    PERMITTED = "permitted"
    NOT_PERMITTED = "not_permitted"
    UNKNOWN_PERSON = "unknown_person"  # a rule names an address that could not be looked up yet
    TOO_WIDE = "too_wide"  # the silence does not name the labels by which a rule permits it
    TOO_LONG = "too_long"
    NEEDS_APPROVAL = "needs_approval"  # permitted, once a second person approves
    OWN_REQUEST = "own_request"  # nobody is the second person of their own request


class Ruling(NamedTuple):
    """What the rules say, and what would help: who may, what is missing, the longest time (ms)."""

    reason: PolicyReason
    who: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    longest: int = 0

    @property
    def permitted(self) -> bool:
        """Whether it may be done at once."""
        return self.reason is PolicyReason.PERMITTED


PERMITTED = Ruling(PolicyReason.PERMITTED)
