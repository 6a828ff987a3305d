"""When a backlog is a storm, and when the storm is over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.storm import (
    AFTER,
    CALM,
    UNTOLD_PATIENCE,
    Pressure,
    Rules,
    StormStep,
    next_step,
)
from tests.domain.made import NOW

CALM_NOW = Pressure(waiting=0, drain=0, recent_drain=0, since=None, held=False)


@pytest.mark.parametrize(
    ("pressure", "rules", "expected"),
    [
        (CALM_NOW, Rules(), StormStep.CALM),
        (CALM_NOW._replace(waiting=9, drain=AFTER), Rules(), StormStep.CALM),
        (CALM_NOW._replace(waiting=9, drain=AFTER + 1), Rules(), StormStep.BEGIN),
        # Others fill the app's windows: this target has nothing to gather.
        (CALM_NOW._replace(waiting=0, drain=AFTER + 1), Rules(), StormStep.CALM),
        (CALM_NOW._replace(waiting=9, drain=AFTER + 1, held=True), Rules(), StormStep.HELD),
        (CALM_NOW._replace(waiting=9, drain=AFTER + 1), Rules(enabled=False), StormStep.OFF),
        (CALM_NOW._replace(since=NOW), Rules(), StormStep.GATHER),
        (CALM_NOW._replace(since=NOW - CALM), Rules(), StormStep.END),
        (CALM_NOW._replace(since=NOW - CALM, recent_drain=AFTER), Rules(), StormStep.GATHER),
        (CALM_NOW._replace(since=NOW - CALM, drain=AFTER + 1), Rules(), StormStep.GATHER),
        # What nobody was told would only be gathered again.
        (CALM_NOW._replace(since=NOW - CALM, untold=1), Rules(), StormStep.GATHER),
        (CALM_NOW._replace(since=NOW - UNTOLD_PATIENCE, untold=1), Rules(), StormStep.END),
        (
            CALM_NOW._replace(since=NOW - UNTOLD_PATIENCE, untold=1, held=True),
            Rules(),
            StormStep.GATHER,
        ),
        (CALM_NOW._replace(since=NOW, untold=1, refused=True), Rules(), StormStep.END),
        (CALM_NOW._replace(since=NOW, drain=AFTER + 1), Rules(enabled=False), StormStep.END),
    ],
)
def test_each_step_has_its_reason(pressure: Pressure, rules: Rules, expected: StormStep) -> None:
    assert next_step(pressure, rules, NOW) is expected


@given(
    pressure=st.builds(
        Pressure,
        waiting=st.integers(0, 99),
        drain=st.integers(0, 99_000),
        recent_drain=st.integers(0, 99_000),
        since=st.one_of(st.none(), st.integers(NOW - 99_000, NOW)),
        held=st.booleans(),
    ),
    enabled=st.booleans(),
)
def test_a_storm_begins_only_without_one_and_ends_only_with_one(
    pressure: Pressure, *, enabled: bool
) -> None:
    step = next_step(pressure, Rules(enabled=enabled), NOW)
    open_ = pressure.since is not None
    assert open_ == (step in (StormStep.GATHER, StormStep.END))
    if step is StormStep.BEGIN:
        assert enabled
        assert pressure.waiting
        assert not pressure.held
