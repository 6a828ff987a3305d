"""Which open incidents hold an alert: a hint kept in memory, and verified in the store.

An index on the fingerprint would write a page of its own for each new alert, which costs more than
all the rest of a commit; nearly every alert is in one incident.
"""

from collections.abc import Iterable


class Holders:
    """Open incidents by fingerprint; never too few, if it is renewed after a rollback."""

    def __init__(self, rows: Iterable[tuple[str, int]] = ()) -> None:
        """Begin with (fingerprint, incident) of all open incidents."""
        self._held: dict[str, int | tuple[int, ...]] = {}
        self.renew(rows)

    def renew(self, rows: Iterable[tuple[str, int]]) -> None:
        """Begin again: what was noted of changes that were undone is forgotten."""
        self._held.clear()
        for fingerprint, incident in rows:
            self.add((fingerprint,), incident)

    def add(self, fingerprints: Iterable[str], incident: int) -> None:
        """Note that an open incident holds these alerts."""
        held = self._held
        for fingerprint in fingerprints:
            before = held.get(fingerprint)
            if before is None or before == incident:
                held[fingerprint] = incident
            else:
                held[fingerprint] = tuple(dict.fromkeys((*_all(before), incident)))

    def drop(self, fingerprints: Iterable[str], incident: int) -> None:
        """Note that an incident is over, or holds these alerts no more."""
        for fingerprint in fingerprints:
            left = tuple(one for one in _all(self._held.get(fingerprint, ())) if one != incident)
            if left:
                self._held[fingerprint] = left[0] if len(left) == 1 else left
            else:
                self._held.pop(fingerprint, None)

    def others(self, fingerprints: Iterable[str], incident: int) -> list[int]:
        """Return the other incidents that hold one of these alerts."""
        held = self._held
        found: dict[int, None] = {}
        for fingerprint in fingerprints:
            holding = held.get(fingerprint)
            if holding is not None and holding != incident:
                found.update(dict.fromkeys(_all(holding)))
        found.pop(incident, None)
        return list(found)


def _all(held: int | tuple[int, ...]) -> tuple[int, ...]:
    return held if isinstance(held, tuple) else (held,)
