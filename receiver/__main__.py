"""The commands: serve, check, doctor, replay, why, selfcheck, audit, demo, sandbox, render."""

import asyncio
import contextlib
import gc
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import click

DISTRIBUTION = "alertmanager-feishu-receiver"
DEFAULT_CONFIG = "/etc/receiver/receiver.yaml"

config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=DEFAULT_CONFIG,
    envvar="RECEIVER_CONFIG",
    show_default=True,
    help="The configuration file.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version(DISTRIBUTION), prog_name="receiver")
def main() -> None:
    """One living Feishu card per incident."""


@main.command()
@config_option
def serve(path: Path) -> None:
    """Receive webhooks and callbacks until stopped; SIGHUP reloads the configuration."""
    from receiver.config import BadConfig  # noqa: PLC0415  (each command imports what it needs)
    from receiver.store.base import Unusable  # noqa: PLC0415
    from receiver.telemetry.otel_settings import BadTracingSetting  # noqa: PLC0415

    try:
        _run(_serve(path))
    except BadConfig as problem:
        raise click.ClickException(f"{path} cannot be used:\n{problem}") from None
    except (Unusable, BadTracingSetting, OSError) as problem:
        raise click.ClickException(str(problem)) from None


@main.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
def check(path: Path) -> None:
    """Do all that a start does, short of listening, and say what is wrong."""
    from receiver.checking import check_file  # noqa: PLC0415

    problems, lines = check_file(path, os.environ)
    for line in lines:
        click.echo(line)
    if problems:
        raise click.ClickException(f"{path} cannot be used:\n" + "\n".join(problems))
    click.echo(f"{path} is fine")


@main.command()
@click.argument("letters", metavar="[ID]...", type=click.IntRange(min=1), nargs=-1)
@click.option("--all", "every", is_flag=True, help="Send every dead letter again.")
@click.option("--target", default="", help="Only those of this target, or of this channel.")
@click.option("--url", default="", help="The receiver's ops port.  [default: the file's, or 8081]")
@click.option("--token", default="", envvar="RECEIVER_OPS_TOKEN", help="Its server.ops_token.")
@click.option("--token-file", type=click.File("r"), help="A file with the token.")
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    help="Take the address and the token from this file.",
)
def replay(letters: tuple[int, ...], path: Path | None, **options: Any) -> None:
    """List the dead letters of a running receiver, or send some of them again."""
    from receiver.ops.client import OpsClient, Refused, replayed, table  # noqa: PLC0415

    every, target = options["every"], options["target"]
    if letters and (every or target):
        raise click.UsageError("give ids, or --all, which --target may narrow")
    url, token = _ops_of(path, options)
    try:
        with OpsClient(url, token) as client:
            found = [] if letters else client.dead_letters(target)
            if not letters and not found:
                click.echo("there are no dead letters")
            elif not letters and not every:
                click.echo("\n".join(table(found)))
            else:
                outcomes = replayed(client, letters or tuple(letter.id for letter in found))
                _report(outcomes)
    except Refused as wrong:
        raise click.ClickException(str(wrong)) from None


def _report(outcomes: Iterable[tuple[str, bool]]) -> None:
    failed = False
    for said, good in outcomes:
        click.echo(said, err=not good)
        failed = failed or not good
    if failed:
        raise SystemExit(1)


@main.command()
@click.argument("incident", metavar="ID", type=click.IntRange(min=1))
@click.option("--chinese", is_flag=True, help="In Chinese.")
@click.option("--url", default="", help="The receiver's ops port.  [default: the file's, or 8081]")
@click.option("--token", default="", envvar="RECEIVER_OPS_TOKEN", help="Its server.ops_token.")
@click.option("--token-file", type=click.File("r"), help="A file with the token.")
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    help="Take the address and the token from this file.",
)
def why(incident: int, path: Path | None, *, chinese: bool, **options: Any) -> None:
    """Tell what an incident of a running receiver went through, and where it stands."""
    from receiver.ops.client import OpsClient, Refused, story  # noqa: PLC0415

    url, token = _ops_of(path, options)
    try:
        with OpsClient(url, token) as client:
            click.echo("\n".join(story(client.incident(incident), chinese=chinese)))
    except Refused as wrong:
        raise click.ClickException(str(wrong)) from None


@main.command()
@config_option
def selfcheck(path: Path) -> None:
    """Count anew what became of everything accepted; the receiver may be running."""
    from receiver.checking import recount  # noqa: PLC0415
    from receiver.config import BadConfig  # noqa: PLC0415
    from receiver.store.base import Unusable  # noqa: PLC0415

    try:
        sound, lines = recount(path, os.environ)
    except BadConfig as problem:
        raise click.ClickException(f"{path} cannot be used:\n{problem}") from None
    except Unusable as problem:
        raise click.ClickException(str(problem)) from None
    for line in lines:
        click.echo(line)
    if not sound:
        raise click.ClickException(
            "the totals are not what the rows say: keep a copy of the store, and report this"
        )
    click.echo("everything is accounted for")


@main.command()
@config_option
@click.option("--send", is_flag=True, help="Let group bots post a test message.")
def doctor(path: Path, *, send: bool) -> None:
    """Check a live set-up from here, and say what to fix; nothing is changed."""
    from receiver.app import real_world  # noqa: PLC0415
    from receiver.doctor import Verdict, examine  # noqa: PLC0415

    found = asyncio.run(examine(path, os.environ, real_world(), send=send))
    for finding in found:
        click.echo(str(finding))
    if any(finding.verdict is Verdict.FAIL for finding in found):
        raise SystemExit(1)


@main.command()
@config_option
@click.option("--since", default="", help="Only from this time on: 2026-08-01, …T09:00+08:00, 24h.")
@click.option("--until", default="", help="Only before this time, written the same way.")
@click.option("--incident", type=click.IntRange(min=0), help="Only of this incident; 0 for none.")
@click.option("--kind", default="", help="Only lines of this kind, such as refused.")
def audit(path: Path, since: str, until: str, incident: int | None, kind: str) -> None:
    """Print what people did, a JSON object a line; the receiver may be running."""
    from receiver.auditing import BadTime, lines_of  # noqa: PLC0415
    from receiver.config import BadConfig  # noqa: PLC0415
    from receiver.store.base import Unusable  # noqa: PLC0415

    now = time.time_ns() // 1_000_000
    try:
        for line in lines_of(path, os.environ, (since, until), (incident, kind), now):
            click.echo(line)
    except BadConfig as problem:
        raise click.ClickException(f"{path} cannot be used:\n{problem}") from None
    except (Unusable, BadTime) as problem:
        raise click.ClickException(str(problem)) from None


@main.command()
@click.option("--port", type=int, default=0, help="The page's port; 0 takes any.")
@click.option("--once", is_flag=True, help="End when the story has been told.")
def demo(port: int, *, once: bool) -> None:
    """Show the whole path on this machine: sandbox, receiver, Alertmanager, a few incidents."""
    from receiver.demo import run_demo  # noqa: PLC0415

    _run(run_demo(click.echo, port=port, once=once))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=int, default=8082, show_default=True, help="The platform's port.")
@click.option("--page-port", type=int, default=8083, show_default=True, help="The page's port.")
@click.option("--callback", default="", help="Where clicks go: a receiver's callback URL.")
def sandbox(host: str, port: int, page_port: int, callback: str) -> None:
    """Run a Feishu for this machine, with a page that shows its chats."""
    from receiver.sandbox.server import run as run_sandbox  # noqa: PLC0415

    _run(run_sandbox(host=host, ports=(port, page_port), callback_url=callback, say=click.echo))


@main.command()
@click.argument("body", metavar="BODY", type=click.File("rb"))
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path, exists=True),
    envvar="RECEIVER_CONFIG",
    help="Take templates and the severity scale from this file.",
)
@click.option("--bot", is_flag=True, help="Draw the card of a group bot.")
def render(body: BinaryIO, path: Path | None, *, bot: bool) -> None:
    """Print the card that a webhook body would become (BODY is a file, or - for input)."""
    from receiver.rendering import render_body  # noqa: PLC0415

    problem, card = render_body(body.read(), path, os.environ, bot=bot)
    if problem:
        raise click.ClickException(problem)
    click.echo(card)


def _ops_of(path: Path | None, options: dict[str, Any]) -> tuple[str, str]:
    """Return where the ops port is and its token: as the options say, else as the file does."""
    from receiver.ops.client import DEFAULT_URL, ops_url  # noqa: PLC0415

    url, token = options["url"], options["token"]
    if options["token_file"] is not None:
        token = options["token_file"].read().strip()
    if path is not None and not (url and token):
        from receiver.config import BadConfig, load  # noqa: PLC0415

        try:
            server = load(path, os.environ).server
        except BadConfig as problem:
            raise click.ClickException(f"{path} cannot be used:\n{problem}") from None
        if not url and not server.ops_listen.port:
            raise click.ClickException("server.ops_listen takes any port: give --url")
        url = url or ops_url(*server.ops_listen)
        token = token or ("" if server.ops_token is None else server.ops_token.reveal())
    return url or DEFAULT_URL, token


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command's coroutine on the fastest loop there is."""
    import uvloop  # noqa: PLC0415

    with (
        contextlib.suppress(KeyboardInterrupt),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(work)


async def _serve(path: Path) -> None:
    from receiver.app import App, real_world, running  # noqa: PLC0415
    from receiver.config import load  # noqa: PLC0415
    from receiver.telemetry.logs import build_logging  # noqa: PLC0415

    config = load(path, os.environ)
    logs = build_logging(config.log, sys.stdout.buffer)
    restore = logs.capture_stdlib()
    app = App(config, path=path, environ=os.environ, logs=logs, world=real_world())
    stop, hung_up = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    # Before the start: a signal that comes in the middle of it must neither kill nor be lost.
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, hung_up.set)
    async with running(app):
        # What is there now lives as long as the process: the collector need not look at it again,
        # and what webhooks leave behind has no cycles.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        reloading = asyncio.create_task(_reload_when(hung_up, app.reload))
        await stop.wait()
        reloading.cancel()
    restore()


async def _reload_when(hung_up: asyncio.Event, reload: Callable[[], Awaitable[str]]) -> None:
    while True:
        await hung_up.wait()
        hung_up.clear()
        await reload()


if __name__ == "__main__":
    main()
