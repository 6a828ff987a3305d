"""The cards that ``docs/on-call.md`` explains, as the program draws them."""  # noqa: INP001

from dataclasses import replace
from typing import Final, NamedTuple

from receiver.channels.base import View
from receiver.domain.custody import Custody, Note, Ownership
from receiver.domain.escalated import Called, CallState, Escalated, Via
from receiver.domain.incident import Ending, Member
from receiver.domain.proposal import Found, Proposal
from receiver.domain.reason import CardReason
from receiver.domain.request import Request
from receiver.domain.silence import HOUR, LABELS_SCOPE, Silence, SilenceState
from receiver.domain.suppression import Held, Outside
from tests.channels.feishu.storms import storms
from tests.channels.views import HAN, LI, MINUTE, NOW, later, members, silence, view

ENGLISH: Final = "en-US"
CHINESE: Final = "zh-CN"
WHY: Final = "new disk arrives at noon"


class Shot(NamedTuple):
    """A picture: what it shows, to whom, and the panel that is opened first, if any."""

    view: View
    language: str = ENGLISH
    opens: str = ""


def shots() -> dict[str, Shot]:
    """Return the pictures by the names of their files."""
    drawn = {**_silences(), **_people(), **_truths(), "storm": Shot(storms()["open"])}
    # The page's chat has nobody of theirs to mention.
    return {name: shot._replace(view=replace(shot.view, people=())) for name, shot in drawn.items()}


def _silences() -> dict[str, Shot]:
    many = view(members(3))
    ended = silence(SilenceState.EXPIRED, lasts="2h", ended_at=NOW - MINUTE, comment=WHY)
    return {
        "silence-form": Shot(many, opens="Silence"),
        "silence-form-zh": Shot(many, CHINESE, "静默"),
        "silence-preview": Shot(later(many, CardReason.UPDATED, proposal=_proposal())),
        "silence-extend": Shot(
            later(many, CardReason.SILENCED, silences=(_active(),)), opens="More"
        ),
        "silence-again": Shot(later(many, CardReason.UNSILENCED, silences=(ended,))),
        "silence-approval": Shot(later(many, CardReason.APPROVAL, requests=(_request(),))),
    }


def _active() -> Silence:
    return silence(SilenceState.ACTIVE, comment=WHY)


def _proposal() -> Proposal:
    return Proposal(
        id="b1",
        card=7,
        actor=LI,
        at=NOW - MINUTE,
        scope=LABELS_SCOPE,
        matchers=(("cluster", "eu-1"), ("team", "storage")),
        chosen="tomorrow",
        until=NOW + 3 * HOUR,
        comment=WHY,
        found=Found(
            4,
            1,
            (
                "DiskAlmostFull db-1:9100",
                "DiskAlmostFull db-2:9100",
                "DiskAlmostFull db-3:9100",
                "ReplicationLag db-7:9100",
            ),
        ),
    )


def _request() -> Request:
    asked = silence(SilenceState.REQUESTED, comment=WHY)
    return Request("a1", (asked,), "prod", NOW - MINUTE, NOW + 14 * MINUTE, 3)


def _people() -> dict[str, Shot]:
    many = view(members(3))
    first = Ownership(HAN, NOW - 26 * MINUTE, reminded=NOW - MINUTE)
    notes = (Note(HAN, NOW - 9 * MINUTE, "A bigger disk is ordered, 20 minutes"),)
    custody = Custody(helpers=(Ownership(LI, NOW - 3 * MINUTE),), reminded=1, noted=1, notes=notes)
    owned = later(many, CardReason.REMINDED, ack=first, custody=custody)
    called = Escalated(plan="storage", steps=3, taken=2, calls=_calls())
    return {
        "owners": Shot(owned, opens="More"),
        "owners-zh": Shot(owned, CHINESE, "更多"),
        "escalated": Shot(later(many, CardReason.ESCALATED, escalated=called), opens="More"),
    }


def _calls() -> tuple[Called, ...]:
    done = CallState.DONE
    return (
        Called(1, 0, Via.MENTION, NOW - 8 * MINUTE, ("李雷",), done),
        Called(2, 1, Via.APP, NOW - 3 * MINUTE, ("李雷", "韩梅梅"), done),
    )


def _truths() -> dict[str, Shot]:
    held = later(
        view(_held(2, Held(silences=("s9",)))),
        CardReason.SUPPRESSED,
        outside=(Outside("s9", "zhao", WHY, NOW + HOUR, (("team", "=", "storage"),)),),
    )
    over = [one._replace(gone=True) for one in members(2, resolved=2)]
    ended = view(over)
    return {
        "silenced-elsewhere": Shot(held),
        "silenced-elsewhere-zh": Shot(held, CHINESE),
        "inhibited": Shot(
            later(view(_held(2, Held(inhibitors=("NodeDown node=n1",)))), CardReason.SUPPRESSED)
        ),
        "gone": Shot(later(ended, CardReason.ALL_RESOLVED, closed_at=NOW, ending=Ending.GONE)),
        "superseded": Shot(
            later(
                ended,
                CardReason.SUPERSEDED,
                closed_at=NOW,
                ending=Ending.SUPERSEDED,
                heirs=(13,),
            )
        ),
        "stale": Shot(later(view(members(2)), CardReason.STALE, stale_since=NOW - 6 * MINUTE)),
    }


def _held(count: int, held: Held) -> list[Member]:
    return [one._replace(held=held) for one in members(count)]
