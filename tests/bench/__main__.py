"""``make bench``: prints a table of medians; figures differ between machines, ratios less."""

import asyncio
import sys

import uvloop

from tests.bench import ingest, journey, start

ALL = {"ingest": ingest.run, "journey": journey.run, "start": start.run}


async def main(names: list[str]) -> None:
    """Run the named benchmarks, or all."""
    for name in names or list(ALL):
        await ALL[name]()


with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(main(sys.argv[1:]))
