"""What a program says anew of its own incident is news, while Alertmanager's wording is none."""

from typing import Any

import pytest

from receiver.domain.alert import Alert
from receiver.domain.card import picture
from receiver.domain.custody import Ownership
from receiver.domain.incident import Kind, Notice
from receiver.domain.reason import BodyReason, CardReason, State
from receiver.domain.step import (
    why_call,
    why_edit,
)
from tests.domain.made import LI, MINUTE, SECOND, World, notice, world

KEY = "00000000000000aa"  # an agent's alert is known by its dedup_key, not by its labels


def told(
    text: str = "42 wait",
    severity: str = "warning",
    *,
    title: str = "Queue",
    firing: bool = True,
    **labels: str,
) -> Notice:
    """Make what an agent says of its incident."""
    words = {"summary": title, "description": text}
    one = Alert(KEY, firing, {"severity": severity, **labels}, words)
    return notice(one, peer="")._replace(kind=Kind.AGENT, title=title)


def owned(*bodies: Notice) -> World:
    """Return a world whose incident somebody owns."""
    made = world(*bodies)
    made.incident = made.known._replace(ack=Ownership(LI, made.now))
    return made


@pytest.mark.parametrize(
    "news",
    [
        {"text": "43 wait"},
        {"title": "Long queue"},
        {"queue": "refunds"},
        {"severity": "info"},
    ],
    ids=str,
)
@pytest.mark.parametrize("after", [SECOND, 2 * MINUTE])
def test_new_words_are_shown_and_call_nobody(news: dict[str, Any], after: int) -> None:
    made = owned(told())
    before = picture(made.known, tuple(made.members.values()))
    change = made.hear(told(**news), after)
    assert (change.reason, change.raised, change.opened) == (BodyReason.UPDATED, True, False)
    assert (made.known.revision, made.known.updated, made.known.repeated) == (2, 1, 0)
    assert made.known.ack is not None
    assert made.known.title == news.get("title", "Queue")
    assert made.members[KEY].annotations["description"] == news.get("text", "42 wait")
    assert made.members[KEY].labels.get("queue") == news.get("queue")
    now = picture(made.known, tuple(made.members.values()))
    assert now.state is State.ACKNOWLEDGED
    assert why_edit(before, now) is CardReason.UPDATED
    assert why_call(before.marks, now, ("new_alerts", "severity_raised", "repeat")) is None
    assert made.hear(told(**news), SECOND).reason is BodyReason.DUPLICATE


def test_a_worse_severity_is_raised_and_nobody_s_any_more() -> None:
    made = owned(told())
    before = picture(made.known, tuple(made.members.values()))
    change = made.hear(told(severity="critical"), SECOND)
    assert change.reason is BodyReason.SEVERITY_RAISED
    assert (made.known.rank, made.known.raised, made.known.ack) == (0, 1, None)
    now = picture(made.known, tuple(made.members.values()))
    assert why_edit(before, now) is CardReason.SEVERITY_RAISED
    assert why_call(before.marks, now, ("severity_raised",)) is CardReason.SEVERITY_RAISED


def test_a_milder_severity_is_shown_as_it_is() -> None:
    made = owned(told(severity="critical"))
    change = made.hear(told(severity="info"), SECOND)
    assert change.reason is BodyReason.UPDATED
    assert made.known.rank == made.members[KEY].rank > 0
    assert made.known.ack is not None


def test_an_alertmanagers_new_words_are_no_news_of_their_own() -> None:
    made = world(told()._replace(kind=Kind.ALERTS))
    change = made.hear(told("43 wait")._replace(kind=Kind.ALERTS), SECOND)
    assert (change.reason, change.raised) == (BodyReason.DUPLICATE, False)
    assert made.known.revision == 1


def test_the_last_words_of_a_resolve_are_kept() -> None:
    made = world(told())
    assert made.hear(told("done", firing=False), SECOND).reason is BodyReason.ALL_RESOLVED
    assert made.members[KEY].annotations["description"] == "done"
    assert made.known.closed_at is not None
