"""A later end is told to Alertmanager, which keeps one silence; and what is asked twice is once."""

import asyncio
import itertools
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.alertmanager.answer import (
    Created,
    Expired,
    Failure,
    Listed,
    Seen,
    Status,
)
from receiver.alertmanager.silences import Outcome, Silencer, Surroundings, body_of
from receiver.domain.silence import CONFIRM_WITHIN, HOUR, Silence, SilenceState
from receiver.domain.silencing import Conclusion
from tests.alertmanager.made import NOW, made
from tests.alertmanager.model import Fate, answer_of, effective

FATES = st.lists(st.sampled_from([fate for fate in Fate if fate is not Fate.LATE]), max_size=14)
LATER = replace(made(state=SilenceState.EXTENDING, silence_id="s0"), wanted_end=NOW + 3 * HOUR)


@dataclass(slots=True, kw_only=True)
class Holder:
    """One cluster that has a silence of ours, and whose network fails as a script says."""

    script: deque[Fate] = field(default_factory=deque)
    now: int = NOW
    body: dict[str, object] = field(default_factory=lambda: body_of(made()))
    state: str = "active"
    calls: list[str] = field(default_factory=list)
    counted: list[Outcome] = field(default_factory=list)

    async def create(self, body: Mapping[str, object]) -> Created | Failure:
        """Take an update: never anything else."""
        assert body["id"] == "s0"
        assert body["matchers"] == self.body["matchers"]
        assert body["startsAt"] == self.body["startsAt"]
        fate = await self._fate("update")
        if effective(fate):
            self.body = {key: value for key, value in body.items() if key != "id"}
        return answer_of(fate) or Created("s0")

    async def silences(
        self,
        matchers: tuple[tuple[str, str], ...],  # noqa: ARG002  (a server may ignore filters)
    ) -> tuple[Listed | Failure, ...]:
        """Show the silence."""
        fate = await self._fate("look")
        failed = answer_of(fate)
        if failed is not None:
            return (failed,)
        effective(fate)
        shown = Seen(
            id="s0",
            status=Status(self.state),
            comment=str(self.body["comment"]),
            annotations=None,
            starts_at=str(self.body["startsAt"]),
            ends_at=str(self.body["endsAt"]),
            created_by=str(self.body["createdBy"]),
            matchers=tuple(self.body["matchers"]),  # type: ignore[arg-type]
        )
        return (Listed((shown,)),)

    async def expire(self, silence_id: str) -> Expired | Failure:
        """End it."""
        self.calls.append(f"expire {silence_id}")
        self.state = "expired"
        return Expired()

    async def wait(self, ms: int) -> None:
        """Let time pass."""
        self.now += ms
        await asyncio.sleep(0)

    def silencer(self) -> Silencer:
        """Start a process that remembers nothing."""
        return Silencer(
            Surroundings(
                clients=lambda _: self,
                clock=lambda: self.now,
                wait=self.wait,
                share=lambda: 0.5,
                count=lambda _, outcome: self.counted.append(outcome),
            )
        )

    async def _fate(self, call: str) -> Fate:
        self.calls.append(call)
        await asyncio.sleep(0)
        self.now += 10
        return self.script.popleft() if self.script else Fate.DONE


async def _through_deaths(holder: Holder, silence: Silence) -> Conclusion:
    for _ in itertools.count():
        try:
            told = await holder.silencer().extend("prod", 7, silence)
        except asyncio.CancelledError:
            holder.now += 100
            continue
        assert told is not None
        return told
    raise AssertionError("unreachable")


@given(FATES)
async def test_it_has_the_later_end_or_the_problem_is_said(fates: list[Fate]) -> None:
    holder = Holder(script=deque(fates))
    told = await _through_deaths(holder, LATER)
    assert told.state is SilenceState.ACTIVE
    extended = holder.body["endsAt"] != body_of(made())["endsAt"]
    if told.problem:
        assert told.ends_at == 0
    else:
        assert (extended, told.ends_at, told.silence_id) == (True, LATER.wanted_end, "s0")
        assert holder.counted[-1] is Outcome.EXTENDED
    if extended:
        assert holder.body["endsAt"] == body_of(replace(made(), ends_at=LATER.wanted_end))["endsAt"]


async def test_a_lost_answer_is_looked_up_and_not_asked_for_again() -> None:
    holder = Holder(script=deque([Fate.DONE, Fate.KEPT]))
    told = await holder.silencer().extend("prod", 7, LATER)
    assert told is not None
    assert (told.ends_at, holder.calls) == (LATER.wanted_end, ["look", "update", "look"])


async def test_what_is_over_is_not_made_anew() -> None:
    holder = Holder(state="expired")
    told = await holder.silencer().extend("prod", 7, LATER)
    assert told is not None
    assert (told.state, told.silence_id, holder.calls) == (SilenceState.EXPIRED, "s0", ["look"])


@pytest.mark.parametrize("change", [{"value": "Other"}, {"isRegex": True}, {"isEqual": False}])
async def test_what_somebody_edited_there_is_left_as_it_is(change: dict[str, object]) -> None:
    holder = Holder()
    matchers: Any = body_of(made())["matchers"]
    holder.body["matchers"] = [{**matchers[0], **change}, *matchers[1:]]
    told = await holder.silencer().extend("prod", 7, LATER)
    assert told is not None
    assert "changed in Alertmanager" in told.problem
    assert holder.calls == ["look"]


async def test_it_gives_up_in_time() -> None:
    holder = Holder(script=deque([Fate.AWAY] * 500))
    told = await holder.silencer().extend("prod", 7, LATER)
    assert told is not None
    assert "did not confirm" in told.problem
    assert CONFIRM_WITHIN <= holder.now - NOW < 2 * CONFIRM_WITHIN
    assert holder.counted == [Outcome.FAILED]


async def test_an_unsilence_overtakes_an_extension() -> None:
    holder = Holder(script=deque([Fate.AWAY] * 500))
    silencer = holder.silencer()
    extending = asyncio.create_task(silencer.extend("prod", 7, LATER))
    await asyncio.sleep(0)
    ending = replace(LATER, state=SilenceState.EXPIRING)
    over = await silencer.expire("prod", 7, ending)
    assert await extending is None
    assert (over.state, holder.state) == (SilenceState.EXPIRED, "expired")


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("2026-11-21T15:21:04.123Z", 1_795_274_464_123),
        ("2026-11-21T23:21:04.123456789+08:00", 1_795_274_464_123),
        ("2026-11-21T15:21:04", 1_795_274_464_000),
        ("soon", 0),
        ("", 0),
    ],
)
def test_an_end_is_read_whoever_wrote_it(text: str, until: int) -> None:
    assert Seen(id="s0", status=Status("active"), ends_at=text).until == until
