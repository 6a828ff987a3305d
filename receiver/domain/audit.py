"""What people did, as the timeline keeps it: who, where, and what became of it."""

from typing import NamedTuple

from receiver.domain.person import Actor


class Trail(NamedTuple):
    """A person as the platform knows them, where they acted, and what became of it.

    Lines with a ``result`` are the audit; the others tell what programs did.
    """

    union_id: str = ""
    open_id: str = ""
    place: str = ""  # the app's name and the chat, as in targets; of a reload, an address
    result: str = ""
    trace: str = ""  # where it is not that of the change


def trail(actor: Actor, place: str, result: str, trace: str = "") -> Trail:
    """Return where a person's act leads back to."""
    return Trail(actor.union_id, actor.open_id, place, result, trace)
