"""The silences that hold: those that were asked for here, and those that Alertmanager tells of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from receiver.domain.silence import Silence
from receiver.domain.suppression import unmarked
from receiver.domain.truth import EXPIRED, SeenSilence

PENDING = "pending"


class Standing(NamedTuple):
    """One silence that holds, or begins later; ``ours`` was asked for here. Times in Unix ms.

    ``id`` is what ends it here where it is ours, else Alertmanager's.
    """

    source: str
    id: str
    matchers: str
    who: str
    comment: str
    ends_at: int
    ours: bool
    begins_at: int = 0  # where it does not mute yet


def standing(
    own: Iterable[tuple[str, Silence]], told: Mapping[str, Sequence[SeenSilence]], now: int
) -> tuple[Standing, ...]:
    """Return each silence once, the first to end first; ``told`` are those that answered.

    What our own cards know of a silence wins over what Alertmanager says of it, but for its end,
    which another tool may have moved.
    """
    known = {silence.id: (source, silence) for source, silence in own}
    by_id = {(source, one.silence_id): one.id for source, one in known.values() if one.silence_id}
    found: dict[tuple[str, str], Standing] = {
        ("", number): _own(source, silence) for number, (source, silence) in known.items()
    }
    for source, silences in told.items():
        for seen in silences:
            if seen.state == EXPIRED or seen.ends_at <= now:
                continue
            mine = by_id.get((source, seen.id), seen.action)
            if mine in known and known[mine][0] == source:
                found["", mine] = found["", mine]._replace(ends_at=seen.ends_at)
            else:
                found[source, seen.id] = _seen(source, seen)
    return tuple(sorted(found.values(), key=lambda one: (one.ends_at, one.source, one.id)))


def _own(source: str, silence: Silence) -> Standing:
    matchers = ", ".join(f"{name}={value}" for name, value in silence.matchers)
    return Standing(
        source,
        silence.id,
        matchers,
        silence.actor.label,
        silence.comment,
        silence.ends_at,
        ours=True,
    )


def _seen(source: str, seen: SeenSilence) -> Standing:
    return Standing(
        source,
        seen.id,
        ", ".join(f"{one.name}{one.operator}{one.value}" for one in seen.matchers),
        seen.created_by,
        unmarked(seen.comment),
        seen.ends_at,
        ours=bool(seen.action),
        begins_at=seen.starts_at if seen.state == PENDING else 0,
    )
