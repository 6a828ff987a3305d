"""What is kept of the people who look after an incident: values alone, without decisions."""

from typing import NamedTuple

from receiver.domain.person import Actor

ACKNOWLEDGE_FOR = 30 * 60_000
REOPEN_AFTER = 1


class Hold(NamedTuple):
    """How long (ms) an acknowledgement holds unconfirmed, and how many new alerts end it."""

    acknowledge_for: int = ACKNOWLEDGE_FOR
    reopen_after: int = REOPEN_AFTER


class Ownership(NamedTuple):
    """Who took an incident, or declared it handled, and when; times in Unix ms."""

    actor: Actor
    at: int
    confirmed: int = 0  # when they last said that they are still on it; 0 for never
    reminded: int = 0  # when they were asked since; 0 while nothing is to be answered
    card: int = 0  # the card on which they took it: there they are asked; 0 for all


class Note(NamedTuple):
    """What somebody wrote about an incident, as they wrote it."""

    actor: Actor
    at: int
    text: str


class Custody(NamedTuple):
    """Who looks after an incident beside its lead, and what became of it so far.

    ``reminded``, ``lapsed``, ``handed`` and ``noted`` are counters that only grow: a card compares
    them with what it last showed.
    """

    hold: Hold = Hold()
    helpers: tuple[Ownership, ...] = ()  # the others who acknowledged, in the order they came
    unowned: int = 0  # since when nobody has it; 0 for since it opened
    taken: int = 0  # how many episodes it had when somebody last took or confirmed it
    reminded: int = 0
    lapsed: int = 0
    handed: int = 0
    noted: int = 0
    notes: tuple[Note, ...] = ()  # the newest, the oldest of them first
