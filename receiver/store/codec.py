"""How values become the bytes that the store keeps."""

import hashlib
from dataclasses import replace
from functools import lru_cache

import msgspec

from receiver.domain.card import (
    Card,
    CardState,
    Rung,
)
from receiver.domain.digest import Gathered
from receiver.domain.incident import Incident, Member, Placement
from receiver.domain.units import Units

encode = msgspec.json.Encoder().encode
_incident = msgspec.json.Decoder(Incident)
_member = msgspec.json.Decoder(Member)
_card = msgspec.json.Decoder(Card)
_gathered = msgspec.json.Decoder(Gathered)

# One row of the table of cards:
# id, incident, target, wanted, shown, due_at, pending_since, dead, in_flight, digest, value
CardRow = tuple[int, int, str, int, int, int | None, int, int, int, int, bytes]

STATES = (CardState.OPEN, CardState.DEAD, CardState.MOVED)  # by their number in that row


def group_digest(source: str, receiver: str, group_key: str) -> bytes:
    """Return a group's key of fixed length: group keys are arbitrarily long."""
    text = f"{source}\0{receiver}\0{group_key}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).digest()


def decode_incident(number: int, value: bytes) -> Incident:
    """Return an incident as kept."""
    return _incident.decode(value)._replace(id=number)


def decode_member(value: bytes) -> Member:
    """Return an alert of an incident as kept."""
    return _member.decode(value)


def decode_gathered(value: bytes) -> Gathered:
    """Return an incident as a digest keeps it."""
    return _gathered.decode(value)


def decode_card(row: CardRow) -> Card:
    """Return a card as kept; what has a column of its own is read from there."""
    number, incident, target, wanted, shown, due_at, pending_since, dead, _, digest, value = row
    return replace(
        _card.decode(value),
        id=number,
        incident=incident,
        target=target,
        wanted=wanted,
        shown=shown,
        due_at=due_at,
        pending_since=pending_since,
        state=STATES[dead],
        digest=digest,
    )


@lru_cache(maxsize=1024)
def encoded_new(placement: Placement, *, plain: bool, base: int = 0) -> bytes:
    """Return the value of a new card: most are alike, but for their numbers."""
    return encode(new_card(placement, plain=plain, base=base))


def new_card(placement: Placement, *, plain: bool, base: int = 0, moved_from: str = "") -> Card:
    """Return a card that nothing has happened to yet.

    ``base`` is how many of its incident's episodes are not its own.
    """
    return Card(
        id=0,
        incident=0,
        target=placement.target,
        mention=placement.mention,
        notify=placement.notify,
        rung=Rung.TEXT if plain else Rung.WHOLE,
        units=Units(base=base),
        fallback=placement.fallback,
        moved_from=moved_from,
    )
