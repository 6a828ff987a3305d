"""Any interleaving of several people's clicks with news, the end, and the time, in the store."""

import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from receiver.domain.action import Action, ActionKind
from receiver.domain.ownership import is_owned, owners, unowned_since
from receiver.domain.person import Actor
from receiver.domain.policy import FREE
from receiver.domain.reason import ActionReason
from receiver.store import changes
from receiver.store.base import Snapshot
from receiver.store.file import open_writer
from receiver.store.holders import Holders
from receiver.store.rows import load_card, load_snapshot
from tests.domain.made import HOUR, LI, NOW, RULES, SECOND, WANG, alert, notice

PEOPLE = (LI, WANG, Actor(open_id="ou_zhao", union_id="on_zhao", name="Zhao"))
KINDS = (
    ActionKind.ACKNOWLEDGE,
    ActionKind.UNACKNOWLEDGE,
    ActionKind.CONFIRM,
    ActionKind.HAND_OVER,
    ActionKind.NOTE,
    ActionKind.RESOLVE,
)
# No click opens or closes what a source reports; a note is all that can be added to its end.
AFTER_THE_END = {ActionReason.RESOLVED_ALREADY, ActionReason.REPEATED}
LINES = "SELECT COUNT(*) FROM timeline WHERE incident = 1"
OPEN = "SELECT COUNT(*) FROM incidents WHERE closed_at IS NULL"


class People(RuleBasedStateMachine):
    """Two alerts of one group, three people, and a clock that is set now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.db = open_writer(Path(self.folder.name) / "people.db")
        self.db.execute("PRAGMA synchronous = OFF")
        self.holders = Holders()
        self.now = NOW
        self.sent: list[Action] = []
        self.before: tuple[int, int] = (0, 0)

    def teardown(self) -> None:
        """Close the file."""
        self.db.close()
        self.folder.cleanup()

    @property
    def known(self) -> Snapshot:
        """Return the incident as kept."""
        found = load_snapshot(self.db, 1)
        assert found is not None
        return found

    @initialize()
    def fires(self) -> None:
        """Open the incident."""
        self.hear("n1", firing=True, severity="warning")

    @rule(
        name=st.sampled_from(("n1", "n2")),
        firing=st.booleans(),
        severity=st.sampled_from(("warning", "critical")),
    )
    def hear(self, name: str, severity: str, *, firing: bool) -> None:
        """Hear of one alert."""
        self.now += SECOND
        told = notice(alert(name, firing=firing, severity=severity))
        changes.apply_notice(self.db, told, RULES, self.now, self.holders)

    @rule(
        kind=st.sampled_from(KINDS),
        actor=st.sampled_from(PEOPLE),
        to=st.sampled_from((*PEOPLE, None)),
    )
    def clicks(self, kind: ActionKind, actor: Actor, to: Actor | None) -> None:
        """Click once."""
        number = f"a{len(self.sent)}"
        action = Action(
            id=number,
            kind=kind,
            incident=1,
            actor=actor,
            at=self.now,
            card=1,
            comment=f"note {number}",
            to=to,
        )
        self.sent.append(action)
        before = self.known.incident
        acted = changes.act(self.db, action, self.now, FREE)
        after = self.known.incident
        assert after.closed_at == before.closed_at
        if before.closed_at is not None and kind is not ActionKind.NOTE:
            assert acted.verdict.reason in AFTER_THE_END
            assert after == before
        if kind is not ActionKind.NOTE:
            assert after.custody.notes == before.custody.notes
        taken_off = {owner.actor.union_id for owner in owners(before)} - {
            owner.actor.union_id for owner in owners(after)
        }
        assert taken_off <= {actor.union_id}

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def comes_again(self, data: st.DataObject) -> None:
        """Send a click again, as it was or forged to say more: it is known by its id."""
        action = data.draw(st.sampled_from(self.sent))
        before = self.known
        again = replace(action, kind=data.draw(st.sampled_from(KINDS)))
        acted = changes.act(self.db, again, self.now, FREE)
        assert acted.verdict.reason is ActionReason.REPEATED
        assert self.known == before

    @rule(jump=st.integers(-2 * HOUR, 3 * HOUR))
    def time_passes(self, jump: int) -> None:
        """Let the clock go on, or be set; what is due is done once."""
        self.now = max(self.now + jump, NOW)
        before = self.known.incident
        changes.apply_lapse(self.db, self.now)
        once = self.known
        changes.apply_lapse(self.db, self.now)  # as after a crash that lost the answer
        assert self.known == once
        assert once.incident.closed_at == before.closed_at
        if before.closed_at is not None:
            assert once.incident == before

    @invariant()
    def everything_only_grows(self) -> None:
        """Look for what was taken back: revisions, lines of the timeline."""
        grown = (self.known.incident.revision, self.db.execute(LINES).fetchone()[0])
        assert all(new >= old for new, old in zip(grown, self.before, strict=True))
        self.before = grown

    @invariant()
    def the_card_wants_what_is(self) -> None:
        """Compare the card's revision with the incident's."""
        card = load_card(self.db, 1)
        assert card is not None
        assert card.wanted == self.known.incident.revision
        assert self.db.execute(OPEN).fetchone()[0] <= 1

    @invariant()
    def each_owner_is_one_person(self) -> None:
        """Count the owners, and ask since when there are none."""
        incident = self.known.incident
        having = [owner.actor.union_id for owner in owners(incident)]
        assert len(set(having)) == len(having)
        unowned = unowned_since(incident) is not None
        assert unowned == (incident.closed_at is None and not is_owned(incident))
        written = incident.custody
        assert len(written.notes) == min(written.noted, 20)


People.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestPeople = People.TestCase
