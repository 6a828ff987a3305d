"""What the operators are told of deliveries that have stopped, with the cure."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from receiver.deliver.circuit import Cause, Circuit

# What is wrong, what to do, and what makes it the same note again.
Tell = Callable[[str, str, str], Awaitable[None]]

TITLE_LIMIT = 120  # characters of an incident's title


class Note(NamedTuple):
    """A note to the operators; one cause is told once a day."""

    title: str
    text: str
    cause: str


async def tell_nobody(title: str, text: str, cause: str) -> None:
    """Tell nobody: no operators' target is configured."""


_FOLLOWS = {
    Cause.OUTAGE: "Its cards wait, and are sent when it answers again.",
    Cause.TARGET: "Its cards go to their fallback, or become dead letters.",
    Cause.CREDENTIALS: "All its cards go to their fallback, or become dead letters.",
    Cause.QUOTA: (
        "Its cards go to their fallback, or become dead letters, until the first of the month,"
        " Beijing time."
    ),
}
_AFTERWARDS = "It is tried now and then, and what was given up is sent when that succeeds."


def circuit_note(circuit: Circuit) -> Note:
    """Say that nothing can be delivered in a scope, and why."""
    said = circuit.detail.rstrip(".") or str(circuit.cause)
    parts = [f"{said}.", _FOLLOWS[circuit.cause]]
    if circuit.cause in (Cause.TARGET, Cause.CREDENTIALS):
        parts.append(_AFTERWARDS)
    return Note(
        f"Delivery to {circuit.scope} has stopped",
        " ".join(parts),
        f"circuit:{circuit.scope}:{circuit.cause}",
    )


def dead_note(target: str, reason: str, problem: str, title: str = "") -> Note:
    """Say that a card was given up, and why; ``title`` is its incident's, where it is known."""
    what = f"“{title[:TITLE_LIMIT]}”" if title else "A card"
    text = (
        f"{what} could not be shown in {target}: {problem.rstrip('.') or reason}."
        " When the cause is removed, send it again with: receiver replay"
    )
    return Note(f"Dead letter: {target}", text, f"dead:{target}:{reason}")


def frugal_note(tenant: str, month: str, calls: int, most: int) -> Note:
    """Say that a month's calls are running out."""
    text = (
        f"{calls} of {most} calls of the tenant {tenant!r} are made this month. From now on only"
        " critical cards are sent by its apps; others go to their fallback, or wait for the next"
        " month. Buy more calls, or route what matters less to a group bot."
    )
    return Note("The month's calls are running out", text, f"quota:{tenant}:{month}")
