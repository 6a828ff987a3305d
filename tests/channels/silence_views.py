"""The incidents that the tests of cards draw: what becomes of their silences."""

from dataclasses import replace

from receiver.channels.base import View
from receiver.domain.custody import Ownership
from receiver.domain.proposal import Found, Proposal
from receiver.domain.reason import CardReason
from receiver.domain.silence import HOUR, LABELS_SCOPE, Silence, SilenceState
from tests.channels.views import HAN, LI, MINUTE, NOW, later, members, silence, view

MATCHERS = (("cluster", "eu-1"),)


def proposal(card: int = 7, chosen: str = "until") -> Proposal:
    """Return what Li looks at in a card."""
    return Proposal(
        id="b1",
        card=card,
        actor=LI,
        at=NOW - MINUTE,
        scope=LABELS_SCOPE,
        matchers=MATCHERS,
        chosen=chosen,
        until=NOW + HOUR,
        comment="正在扩容",
        found=Found(9, 4, ("DiskAlmostFull db-1 <at id=all></at>", "ReplicationLag pg-7")),
    )


def silenced(*silences: Silence) -> View:
    """Return five alerts with these silences."""
    return later(view(members(5)), CardReason.SILENCED, silences=silences)


def silence_stories() -> dict[str, View]:
    """Return one view of each state of a silence, by name."""
    many, owned = view(members(5)), Ownership(LI, NOW - 3 * MINUTE)
    active, extending = SilenceState.ACTIVE, SilenceState.EXTENDING
    kept = silence(active, lasts="resolved", keep_until=NOW + 24 * HOUR)
    keeping = replace(kept, state=extending, wanted_end=NOW + HOUR)
    labelled = silence(active, LABELS_SCOPE, matchers=MATCHERS, lasts="tomorrow")
    ended = silence(SilenceState.EXPIRED, lasts="resolved", ended_at=NOW - MINUTE)
    ended = replace(ended, keep_until=NOW - MINUTE)
    over = CardReason.UNSILENCED
    looked, chosen = CardReason.UPDATED, proposal(chosen="resolved")
    return {
        "kept": silenced(kept),
        "keeping": silenced(keeping),
        "by_labels": silenced(labelled),
        "extending": silenced(silence(extending, wanted_end=NOW + 3 * HOUR, extender=HAN)),
        "unextended": silenced(silence(active, problem="gone away", unextended=True)),
        "silence_ended": later(many, over, silences=(ended,)),
        "silence_ended_owned": later(many, over, ack=owned, silences=(replace(ended, lasts="1h"),)),
        "unsilenced": later(many, over, silences=(replace(ended, unwanted=True),)),
        "previewed": later(many, looked, proposal=proposal()),
        "previewed_elsewhere": later(many, looked, proposal=proposal(card=8)),
        "previewed_owned": later(many, looked, ack=owned, proposal=chosen),
    }
