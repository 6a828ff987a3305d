"""``make bench``: prints a table of medians; figures differ between machines, ratios less."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable

import uvloop

from tests.bench import (
    clicks,
    critical,
    forged,
    history,
    ingest,
    journey,
    memory,
    outage,
    reconciling,
    start,
    storms,
)

ALL: dict[str, Callable[[float], Awaitable[None]]] = {
    "ingest": ingest.run,
    "journey": journey.run,
    "start": start.run,
    "storms": storms.run,
    "critical": critical.run,
    "outage": outage.run,
    "memory": memory.run,
    "history": history.run,
    "clicks": clicks.run,
    "forged": forged.run,
    "reconcile": reconciling.run,
}


async def main(names: list[str], scale: float) -> None:
    """Run the named benchmarks, or all."""
    for name in names or list(ALL):
        await ALL[name](scale)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ALL)}; or all")
    parser.add_argument("--scale", type=float, default=1.0, help="less than 1 for a quick look")
    chosen = parser.parse_args()
    if unknown := [name for name in chosen.names if name not in ALL]:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(ALL)}")
    return chosen


if __name__ == "__main__":  # the storms' processes import this module again
    arguments = _arguments()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as chosen_runner:
        chosen_runner.run(main(arguments.names, arguments.scale))
