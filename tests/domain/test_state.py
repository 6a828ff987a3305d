"""What a card must show at a glance."""

from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.custody import Ownership
from receiver.domain.incident import Incident, Kind, muting, state
from receiver.domain.reason import State
from receiver.domain.silence import Silence, SilenceState
from tests.domain.made import HOUR, LI, NOW, alert, notice, world

OWNED = Ownership(LI, NOW)
MADE = world(notice(alert("n1"), alert("n2")))
MEMBERS = tuple(MADE.members.values())


def silenced(*instances: str, stands: SilenceState = SilenceState.ACTIVE) -> Incident:
    """Return the incident with silences of these instances."""
    return MADE.known._replace(
        silences=tuple(
            Silence(
                id=f"a{number}",
                state=stands,
                scope="group",
                matchers=(("instance", instance),),
                actor=LI,
                comment="",
                asked_at=NOW,
                ends_at=NOW + HOUR,
            )
            for number, instance in enumerate(instances)
        )
    )


def test_it_fires_until_somebody_owns_it() -> None:
    assert state(MADE.known, MEMBERS) is State.FIRING
    assert state(MADE.known._replace(ack=OWNED), MEMBERS) is State.ACKNOWLEDGED
    assert state(MADE.known._replace(handled=OWNED), MEMBERS) is State.ACKNOWLEDGED


def test_it_is_suppressed_only_when_all_that_fires_is() -> None:
    assert state(silenced("n1"), MEMBERS) is State.FIRING
    assert state(silenced("n1", "n2"), MEMBERS) is State.SUPPRESSED
    assert state(silenced("n1", "n2")._replace(ack=OWNED), MEMBERS) is State.SUPPRESSED
    assert state(silenced("n1", "n2"), ()) is State.FIRING  # only cut-off alerts fire


@given(st.sampled_from(SilenceState))
def test_only_a_confirmed_silence_suppresses(stands: SilenceState) -> None:
    incident = silenced("n1", "n2", stands=stands)
    mutes = stands in (SilenceState.ACTIVE, SilenceState.EXTENDING)
    expected = State.SUPPRESSED if mutes else State.FIRING
    assert state(incident, MEMBERS) is expected
    assert (muting(incident, {"instance": "n1"}) is not None) == mutes
    assert muting(incident, {"instance": "n9"}) is None


def test_resolved_beats_everything() -> None:
    over = silenced("n1", "n2")._replace(closed_at=NOW, ack=OWNED)
    assert state(over, MEMBERS) is State.RESOLVED


def test_a_message_is_a_note() -> None:
    assert state(MADE.known._replace(kind=Kind.MESSAGE, closed_at=NOW), MEMBERS) is State.NOTE
