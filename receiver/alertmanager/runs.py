"""Since when a peer runs, by our clock as far as we saw it begin: its own may be another."""

KEPT_MOST = 16  # starts of one address; behind a balancer each peer has its own


class Runs:
    """What is known of the starts of whatever answers at one address; times in Unix ms."""

    def __init__(self) -> None:
        self._said: dict[int, int] = {}  # what it says of its start -> since when it counts
        self._heard: int | None = None
        self._alerts = 0

    def unheard(self) -> None:
        """Note a gap: one that does not say since when it runs may have begun anew in it."""
        self._heard = None

    def since(self, said: int, alerts: int, now: int) -> int:
        """Return since when it runs, as far as is known at ``now``.

        ``said`` is what it says itself, 0 where it does not, and ``alerts`` how many it has.
        """
        return self._by_what_it_says(said, now) if said else self._by_what_it_has(alerts, now)

    def _by_what_it_says(self, said: int, now: int) -> int:
        """Believe its clock for what began before us; what begins later does so when we see it."""
        known = self._said.pop(said, None)
        since = known if known is not None else max(said, now) if self._said else said
        self._said[said] = since
        while len(self._said) > KEPT_MOST:
            del self._said[next(iter(self._said))]
        return since

    def _by_what_it_has(self, alerts: int, now: int) -> int:
        """Grafana does not say, and a proxy may hide it: count from when it answers without a gap.

        Where most alerts are gone at once, it may have begun anew between two answers.
        """
        if self._heard is None or 2 * alerts < self._alerts:
            self._heard = now
        self._alerts = alerts
        return self._heard
