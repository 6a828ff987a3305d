"""What ``receiver check`` and ``receiver selfcheck`` do: look, and change nothing."""

import asyncio
import contextlib
import io
from collections.abc import Mapping
from pathlib import Path

from receiver.app import App, real_world
from receiver.config import BadConfig, Config, load, summary
from receiver.store.base import Unusable
from receiver.store.file import check as check_store
from receiver.store.file import selfcheck
from receiver.telemetry.logs import build_logging
from receiver.telemetry.otel_settings import BadTracingSetting


def check_file(path: Path, environ: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return what is wrong with a configuration, and a summary of what it says."""
    try:
        config = load(path, environ)
    except BadConfig as wrong:
        return [str(wrong)], []
    lines = summary(config).splitlines()
    lines.extend(f"warning: {warning}" for warning in config.warnings)
    try:
        asyncio.run(_assemble(config, path, environ))
        if config.store.path is not None:
            check_store(config.store.path)
    except (Unusable, BadTracingSetting, ValueError) as wrong:
        return [str(wrong)], lines
    return [], lines


async def _assemble(config: Config, path: Path, environ: Mapping[str, str]) -> None:
    """Build every part, and close it again."""
    logs = build_logging("critical", io.BytesIO())
    app = App(config, path=path, environ=environ, logs=logs, world=real_world())
    for close in app.parts.closing:
        with contextlib.suppress(Exception):
            await close()
    app.tracing.close()


def recount(path: Path, environ: Mapping[str, str]) -> tuple[bool, list[str]]:
    """Count the units of a configuration's store anew; return whether all add up, and a table.

    Raises:
        BadConfig: the configuration cannot be used.
        Unusable: there is no store to read.

    """
    store = load(path, environ).store
    if store.path is None or not store.path.exists():
        raise Unusable(f"store.url: there is no store at {store.url}: no receiver has used it yet")
    totals, wrong = selfcheck(store.path)
    kept = {"accepted": totals.accepted}
    kept |= {str(state): count for state, count in totals.by_state.items()}
    counted = {**kept, **{each.state: each.counted for each in wrong}}
    kept |= {each.state: each.kept for each in wrong}
    head = f"{'units':<20}{'total':>12}{'counted':>12}{'difference':>12}"
    rows = [
        f"{name:<20}{kept[name]:>12}{count:>12}{count - kept[name]:>12}"
        for name, count in counted.items()
    ]
    return not wrong, [head, *rows]
