"""What the API says of cards, dead letters, digests and flapping, word for word."""

from typing import Any

import pytest

from receiver.domain.card import (
    Card,
    CardState,
    Rung,
)
from receiver.domain.digest import Digest, Gathered
from receiver.domain.incident import Incident, Kind
from receiver.domain.reason import State
from receiver.ops import told
from receiver.store.accounts import Totals
from receiver.store.base import Entry, Snapshot


def letter(**keys: Any) -> Card:
    """Return a dead letter of one target."""
    keys = {"target": "ops:oc_1", "problem": "target: 230002: gone", **keys}
    return Card(id=7, incident=3, state=CardState.DEAD, pending_since=5, rung=Rung.TEXT, **keys)


def test_a_dead_letter_is_told_with_its_last_death() -> None:
    timeline = [
        Entry(10, "dead_lettered", "ops:oc_1: target: gone", "", ""),
        Entry(20, "replayed", "ops:oc_1", "", ""),
        Entry(30, "dead_lettered", "ops:oc_1: target: gone", "", ""),
        Entry(40, "dead_lettered", "ops:oc_11: target: gone", "", ""),
        Entry(50, "first", "ops:oc_1: it fires", "", ""),
    ]
    assert told.since(letter(), timeline) == 30
    assert told.since(letter(), []) == 5
    said = told.letter(told.Letter(letter(), "Disk full", 30))
    assert (said["reason"], said["detail"]) == ("target", "230002: gone")
    assert (said["id"], said["incident"], said["title"], said["since"]) == (7, 3, "Disk full", 30)
    bare = told.letter(told.Letter(letter(problem="target"), "", 0))
    assert (bare["reason"], bare["detail"]) == ("target", "")


@pytest.mark.parametrize(
    ("card", "state", "digest"),
    [
        (Card(id=1, incident=1, target="a"), "open", None),
        (Card(id=1, incident=1, target="a", digest=9), "digested", 9),
        (Card(id=1, incident=1, target="a", digest=-1), "open", None),
        (Card(id=1, incident=1, target="a", state=CardState.MOVED, fallback="b"), "moved", None),
        (letter(digest=9), "dead", None),
    ],
)
def test_a_card_says_who_shows_its_incident(card: Card, state: str, digest: int | None) -> None:
    said = told.card(card)
    assert (said["state"], said["digest"]) == (state, digest)
    assert said["fallback"] == card.fallback


def incident(**keys: Any) -> Incident:
    """Return an incident."""
    given = {"kind": Kind.ALERTS, "title": "HighLoad", "group_labels": {}, "opened_at": 9, **keys}
    return Incident(id=3, source="prod", receiver="feishu", group_key="{}", **given)


def test_an_incident_says_how_often_it_came_back() -> None:
    said = told.incident(incident(reopened=7, reopenings=(5, 6, 7, 8), flapping=4))
    assert (said["reopened"], said["reopenings"], said["flapping"]) == (7, (5, 6, 7, 8), 4)
    assert told.incident(incident())["flapping"] == 0


def test_a_digest_says_what_it_gathered() -> None:
    gathered = Gathered(
        incident=5,
        kind=Kind.ALERTS,
        source="prod",
        title="DiskFull",
        rank=1,
        state=State.FIRING,
        firing=2,
        since=1,
        labels={},
        url="",
    )
    snapshot = Snapshot(incident(kind=Kind.DIGEST), (), Digest((gathered,)))
    said = told.whole(snapshot, [Card(id=1, incident=3, target="a")], [])
    assert said["gathered"] == [{"incident": 5, "title": "DiskFull", "state": State.FIRING}]
    assert said["kind"] == "digest"
    assert told.whole(Snapshot(incident(), ()), [], [])["gathered"] == []


def test_units_are_told_by_state_and_in_all() -> None:
    assert told.units(Totals(15, 1, 2, 3, 4, 5, (("never_shown", 4),))) == {
        "accepted": 15,
        "states": {
            "pending": 1,
            "shown": 2,
            "digested": 3,
            "suppressed": 4,
            "dead_lettered": 5,
        },
        "suppressed_reasons": {"never_shown": 4},
    }
