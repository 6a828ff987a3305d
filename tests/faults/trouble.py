"""A life in trouble: what it answers, says and counts, and that nothing is lost when it is over."""

from collections.abc import Callable
from typing import Any

import httpx

from tests.crash.bodies import Group
from tests.crash.stage import Stage

# Three chats, so that what waits is shown soon afterwards.
ROUTES = """
  - match: ['severity="critical"']
    targets: ['ops:oc_production_alerts']
  - match: ['severity="warning"']
    targets: ['ops:oc_platform_team']
  - targets: ['ops:oc_customer_service']
"""
SEVERITIES = ("critical", "warning", "info")
UNTIL_IT_HURTS = 30  # bodies; a log that was folded back has room for a few


class Trouble:
    """Posts groups on a stage, and looks at what a failing store makes of them."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def post(self) -> bool:
        """Post a new group; say whether it was accepted."""
        number = len(self.stage.groups) + 1
        group = Group(number, 1, severity=SEVERITIES[number % len(SEVERITIES)])
        self.stage.groups.append(group)
        return await self.stage.post(group, group.body())

    async def refused(self) -> None:
        """Post until it is refused."""
        for _ in range(UNTIL_IT_HURTS):
            if not await self.post():
                return
        raise AssertionError("accepted in spite of the fault")

    async def told(self, reason: str, *words: str) -> None:
        """Check that the last answer is a problem, and that cause and cure are told everywhere."""
        self._is_problem(self.stage.answers[-1])
        assert self.stage.answers[-1].headers["retry-after"] == "1"
        ready = await self._not_ready()
        logged = [line for line in self._said() if "webhook not stored" in line]
        assert logged, self.stage.story()
        for word in words:
            assert word in logged[-1], logged[-1]
            assert word in ready.json()["detail"], ready.text
        assert await self.failures(reason) > 0

    async def _not_ready(self) -> httpx.Response:
        """Ask until it is not ready: where a body had no room, one small change may still have."""
        for _ in range(UNTIL_IT_HURTS):
            ready = await self.stage.ask("/-/ready")
            if not ready.is_success:
                self._is_problem(ready)
                return ready
            await self.post()
        raise AssertionError("ready in spite of the fault")

    @staticmethod
    def _is_problem(answer: httpx.Response) -> None:
        assert answer.status_code == 503, answer.text
        assert answer.headers["content-type"] == "application/problem+json"

    async def failures(self, reason: str) -> float:
        """Return how many failures of the store were counted."""
        text = (await self.stage.ask("/metrics")).text
        name = f'receiver_store_failures_total{{reason="{reason}"}} '
        return sum(float(line[len(name) :]) for line in text.splitlines() if line.startswith(name))

    async def over(self) -> None:
        """Check that all is well again, with the same process: what was refused is taken now."""
        assert self.stage.unanswered
        await self.stage.until(self._ready, "ready again")
        await self.stage.post_again()
        assert not self.stage.unanswered, self.stage.story()
        await self.stage.settled()

    async def _ready(self) -> bool:
        return (await self.stage.ask("/-/ready")).status_code == 200

    def _said(self) -> list[str]:
        return [] if self.stage.life is None else self.stage.life.said


async def end(stage: Stage, fetch: Callable[[], Any] = lambda: None) -> None:
    """Stop the life, and compare store, chats and what was accepted."""
    await stage.stop()
    fetch()
    stage.check()
    stage.check_store()
