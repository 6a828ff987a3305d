"""The phases in which a life is killed: what is posted, and how far things are before the trap."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from types import MappingProxyType

from tests.crash.bodies import Group
from tests.crash.launcher import HELD
from tests.crash.points import Kill, Phase
from tests.crash.stage import APP, BOT_ROUTES, ROUTES, Stage

# What waits for an edit of unknown outcome waits for half a minute: so far is the clock set ahead.
SETTLED = 31_000
POISON = "poison"
REACHED_IN = 15.0  # seconds in which a trap must have closed
PADDING = 2_000_000  # more than a server reads from a connection at a time
MADE = "deliver.worker:Worker._call:await _settle:1:before"  # the call is made, and not recorded

Scene = Callable[["Chain"], Awaitable[None]]


@dataclass(slots=True)
class Chain:
    """Lives on one store, each but the last of them killed."""

    stage: Stage
    phase: Phase
    number: int = 0
    groups: int = 0
    poisoned: int = 0  # bodies that were answered with 2xx and must be in quarantine

    def group(self) -> Group:
        """Return a new group with one alert."""
        self.groups += 1
        made = Group(self.groups, 1)
        self.stage.groups.append(made)
        return made

    @property
    def arming(self) -> str:
        """The path of the file that arms this life's trap."""
        return str(self.stage.folder / f"armed-{self.number}")

    def arm(self) -> None:
        """Let hits count from the next request."""
        self.stage.folder.joinpath(f"armed-{self.number}").touch()

    async def start(self, kill: Kill | None, *more: str) -> None:
        """Start a life with a trap, post what was not answered, and wait until all is shown."""
        stage = self.stage
        self.number += 1
        if self.number > 1 and self.phase is Phase.UPDATE:
            stage.advance(SETTLED)
        before = len(stage.sandbox.state.calls)
        trap = ["--armed-by", self.arming, *trap_of(kill), *more]
        await stage.start(trap)

        async def names_read() -> bool:
            return any(call.call == "members" for call in stage.sandbox.state.calls[before:])

        if self.phase is not Phase.BOT:
            await stage.until(names_read, "the members' names are read")
        await stage.post_again()
        await stage.settled()

    async def killed(self, kill: Kill) -> None:
        """Wait for the trap."""
        life = self.stage.life
        if life is None:
            raise RuntimeError("no life")
        try:
            code = await life.ended(REACHED_IN)
        except TimeoutError:
            raise AssertionError(
                f"not reached: {kill}. Correct its row in tests/crash/points.py: another phase,"
                f" fewer hits, or UNREACHABLE with the reason.\n{self.stage.story()}"
            ) from None
        assert code == -9, f"{kill}: ended with {code}\n{self.stage.story()}"

    async def post_poison(self) -> None:
        """Post a body that the store cannot apply, through a fault of our own."""
        self.groups += 1
        group = Group(self.groups, 1, name_as=f"{POISON}{self.groups}z")
        if await self.stage.post(group, group.body()):
            self.poisoned += 1
        else:
            self.stage.unanswered = [
                waiting for waiting in self.stage.unanswered if waiting[0] is not group
            ]

    async def finish(self) -> None:
        """Run the last life, with no trap, to its end, and compare."""
        stage = self.stage
        if self.phase is Phase.UPDATE:
            stage.advance(SETTLED)
        await stage.start()
        await stage.post_again()
        await stage.settled()
        await stage.stop()
        stage.check(most=2 if self.phase is Phase.BOT else 1)
        if self.phase is not Phase.BOT:
            stage.check_store()
        with closing(sqlite3.connect(f"file:{stage.store}?mode=ro", uri=True)) as db:
            kept = db.execute("SELECT COALESCE(SUM(count), 0) FROM quarantine").fetchone()[0]
        assert kept >= self.poisoned, f"{self.poisoned} poisoned bodies, {kept} in quarantine"


def trap_of(kill: Kill | None) -> list[str]:
    """Return the launcher's options that set a trap."""
    return [] if kill is None else ["--kill-at", kill.point, "--hit", str(kill.hit)]


async def _create(chain: Chain) -> None:
    group = chain.group()
    chain.arm()
    await chain.stage.post(group, group.body())


async def _pieces(chain: Chain) -> None:
    group = chain.group()
    chain.arm()
    await chain.stage.post(group, group.body(padding=PADDING))


async def _burst(chain: Chain) -> None:
    groups = [chain.group() for _ in range(4)]
    chain.arm()
    await asyncio.gather(*(chain.stage.post(group, group.body()) for group in groups))


async def _apart(chain: Chain) -> None:
    stage = chain.stage
    life = stage.life
    if life is None:
        raise RuntimeError("no life")

    async def held() -> bool:
        return any(HELD in line for line in life.said)

    first = asyncio.create_task(chain.post_poison())
    await stage.until(held, "a poisoned body holds the writer")
    group = chain.group()
    chain.arm()
    await asyncio.gather(first, chain.post_poison(), stage.post(group, group.body()))


async def _renewed(chain: Chain) -> None:
    chain.stage.sandbox.state.revoke_tokens(APP)
    await _create(chain)


async def _update(chain: Chain) -> None:
    stage = chain.stage
    group = chain.group()
    if not await stage.post(group, group.body()):
        raise AssertionError(f"not answered before the trap\n{stage.story()}")
    await stage.settled()
    group.alerts, group.replies = 2, 1
    chain.arm()
    await stage.post(group, group.body())


SCENES: Mapping[Phase, Scene] = MappingProxyType(
    {
        Phase.CREATE: _create,
        Phase.BOT: _create,
        Phase.PIECES: _pieces,
        Phase.BURST: _burst,
        Phase.APART: _apart,
        Phase.RENEWED: _renewed,
        Phase.UPDATE: _update,
    }
)


def routes_of(phase: Phase) -> str:
    """Return the routes that a phase plays on."""
    return BOT_ROUTES if phase is Phase.BOT else ROUTES


async def one(chain: Chain, kill: Kill) -> None:
    """Start a life, kill it at a point, and leave the rest to the next one."""
    if chain.phase is Phase.RESTART:
        await _restart(chain, kill)
        return
    more = ("--poison", POISON) if chain.phase is Phase.APART else ()
    await chain.start(kill, *more)
    scene = asyncio.create_task(_named(SCENES[chain.phase](chain)))
    await chain.killed(kill)
    await scene


async def _named(scene: Awaitable[None]) -> None:
    await scene


async def _restart(chain: Chain, kill: Kill) -> None:
    """Leave a card in flight, and kill the next life while it takes over."""
    left = Kill(chain.phase, MADE, 1)
    await chain.start(left)
    await _create(chain)
    await chain.killed(left)
    chain.number += 1
    await chain.stage.start(trap_of(kill))
    await chain.killed(kill)


async def play(chain: Chain, kills: Sequence[Kill]) -> None:
    """Kill one life after the other, then let the last one put everything right."""
    done: list[Kill] = []
    try:
        for kill in kills:
            await one(chain, kill)
            done.append(kill)
        await chain.finish()
    except AssertionError as problem:
        problem.add_note(f"the last kill was {done[-1] if done else None}")
        raise
