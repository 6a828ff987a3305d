"""An Alertmanager as its contract has it: what fires, what mutes it, what it tells and shows."""

from dataclasses import dataclass, field

from receiver.domain.alert import Alert
from receiver.domain.incident import Notice
from receiver.domain.truth import SeenAlert, SeenGroup, SeenSilence, Truth, Unanswered
from tests.domain.made import alert, notice

MAX_ALERTS = 2
Key = tuple[tuple[str, str], ...]


def key_of(labels: dict[str, str]) -> Key:
    return tuple(sorted(labels.items()))


@dataclass
class Model:
    """An Alertmanager, as its contract has it: what fires, what mutes it, what it tells."""

    now: int
    began: int
    cut: bool = False
    reachable: bool = True
    regrouped: bool = False  # the route was changed: all alerts are one group
    firing: dict[tuple[str, str], Alert] = field(default_factory=dict)
    silences: dict[str, SeenSilence] = field(default_factory=dict)
    inhibited: bool = False
    told: dict[Key, set[str]] = field(default_factory=dict)  # group -> what it was told fires

    def alert(self, team: str, name: str, *, firing: bool = True) -> Alert:
        """Make an alert of a team."""
        made = alert(name, firing=firing)
        labels = {**made.labels, "team": team}
        return made._replace(labels=labels, fingerprint=f"{team}-{name}")

    def group_of(self, one: Alert) -> dict[str, str]:
        """Return the labels by which an alert is grouped."""
        own = {"alertname": "Disk"}
        return own if self.regrouped else {**own, "team": one.labels["team"]}

    def muting(self, one: Alert) -> tuple[str, ...]:
        """Return the silences that mute an alert now."""
        return tuple(
            silence.id
            for silence in self.silences.values()
            if silence.state == "active"
            and silence.ends_at > self.now
            and all(each.matches(one.labels) for each in silence.matchers)
        )

    def inhibiting(self, one: Alert) -> tuple[str, ...]:
        """Return what inhibits an alert now."""
        return ("down",) if self.inhibited and one.labels["team"] == "a" else ()

    def muted(self, one: Alert) -> bool:
        """Say whether nobody is notified of an alert."""
        return bool(self.muting(one) or self.inhibiting(one))

    def bodies(self) -> list[Notice]:
        """Return what it notifies of now: the unmuted alerts, and what ended since, cut."""
        keys = {key_of(self.group_of(one)) for one in self.firing.values()} | self.told.keys()
        return [body for key in sorted(keys) for body in self._body(key)]

    def _body(self, key: Key) -> list[Notice]:
        labels = dict(key)
        mine = [one for one in self.firing.values() if self.group_of(one) == labels]
        shown = {one.fingerprint: one for one in mine if not self.muted(one)}
        before = self.told.get(key, set())
        fires = {one.fingerprint for one in self.firing.values()}
        over = [one for one in sorted(before) if one not in fires]
        if set(shown) <= before and not over:
            return []
        ended = [self.alert(*one.split("-"), firing=False) for one in over]
        alerts = sorted((*shown.values(), *ended), key=lambda one: one.fingerprint)
        kept = alerts[:MAX_ALERTS] if self.cut else alerts
        self.told[key] = set(shown)
        body = notice(*kept, truncated=len(alerts) - len(kept))
        return [body._replace(group_labels=labels, group_key=f"{{}}:{key!r}")]

    def truth(self) -> Truth | Unanswered:
        """Return what its API says."""
        if not self.reachable:
            return Unanswered("no peer")
        alerts = {one.fingerprint: self._seen(one) for one in self.firing.values()}
        groups: dict[Key, list[str]] = {}
        for one in self.firing.values():
            groups.setdefault(key_of(self.group_of(one)), []).append(one.fingerprint)
        return Truth(
            self.now,
            alerts,
            tuple(self.listed()),
            tuple(SeenGroup("team", dict(key), tuple(held)) for key, held in groups.items()),
            self.began,
        )

    def listed(self) -> list[SeenSilence]:
        """Return the silences as the API shows them."""
        return [
            one if one.ends_at > self.now else one._replace(state="expired")
            for one in self.silences.values()
        ]

    def _seen(self, one: Alert) -> SeenAlert:
        muting, inhibiting = self.muting(one), self.inhibiting(one)
        return SeenAlert(
            one.fingerprint,
            one.labels,
            one.annotations,
            None,
            None,
            "",
            ("team",),
            muting,
            inhibiting,
            (),
        )
