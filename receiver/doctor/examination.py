"""All checks of a configuration, in the order in which a person would fix what they find."""

import asyncio
from collections.abc import Awaitable, Iterator, Mapping
from pathlib import Path

from receiver.app import World
from receiver.config import BadConfig, Config, FeishuAppConfig, load
from receiver.doctor.apps import examine_app
from receiver.doctor.bots import examine_bot
from receiver.doctor.finding import Finding, fail, ok, unknown
from receiver.doctor.kit import Kit
from receiver.doctor.sources import examine_prometheus, examine_source
from receiver.store.base import Unusable
from receiver.store.file import check as check_store


async def examine(
    path: Path, environ: Mapping[str, str], world: World, *, send: bool = False
) -> list[Finding]:
    """Look at everything that a configuration names, and change nothing.

    ``send`` lets group bots post a test message, which alone shows whether a keyword is missing.
    """
    try:
        config = load(path, environ)
    except BadConfig as wrong:
        return [fail("config", str(problem)) for problem in wrong.problems]
    kit = Kit(config=config, world=world, send=send)
    try:
        groups = await asyncio.gather(*_examinations(kit))
    finally:
        await kit.close()
    return [*_here(config, path), *(finding for group in groups for finding in group)]


def _examinations(kit: Kit) -> Iterator[Awaitable[list[Finding]]]:
    for entry in kit.config.feishu:
        if isinstance(entry, FeishuAppConfig):
            yield examine_app(kit, entry)
        else:
            yield examine_bot(kit, entry)
    for source in kit.config.alertmanagers:
        yield examine_source(source)
        yield examine_prometheus(kit, source)


def _here(config: Config, path: Path) -> list[Finding]:
    found = [ok("config", f"{path} can be used")]
    found += [unknown("config", warning) for warning in config.warnings]
    found.append(_store(config))
    if config.operators_target:
        found.append(ok("operators_target", f"own troubles are shown in {config.operators_target}"))
    else:
        cure = "set operators_target to a chat that the operators read"
        found.append(unknown("operators_target", "own troubles are shown nowhere", cure))
    return found


def _store(config: Config) -> Finding:
    if config.store.path is None:
        return unknown("store", "only files of SQLite can be looked at")
    try:
        check_store(config.store.path)
    except Unusable as wrong:
        return fail("store", str(wrong))
    return ok("store", f"{config.store.path} can be used")
