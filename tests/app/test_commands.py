"""The commands that answer at once: version, check and render, as processes."""

import json
import os
import sqlite3
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner

from receiver.__main__ import main
from receiver.config import load
from receiver.rendering import render_body
from receiver.store.schema import VERSION
from tests.app.made import document, leaks, write
from tests.app.process import Ended, run, serving

PAYLOADS = Path(__file__).parents[1] / "payloads"
BODIES = sorted(path for path in PAYLOADS.glob("*.json") if path.name != "INDEX.json")
SINGLE = PAYLOADS / "am025_single_firing.json"


async def test_the_version_is_the_distributions() -> None:
    ended = await run("--version")
    assert ended.code == 0
    assert ended.out.strip().endswith(version("alertmanager-feishu-receiver"))


async def test_check_finds_a_good_configuration_fine(tmp_path: Path) -> None:
    path = write(tmp_path, document(tmp_path))
    ended = await run("check", path)
    assert ended.code == 0, ended.err
    assert f"{path} is fine" in ended.out
    assert "/webhooks/alertmanager/prod" in ended.out
    assert leaks(ended.out + ended.err) == []
    assert not (tmp_path / "receiver.db").exists()


async def test_check_leaves_a_receiver_that_runs_alone(tmp_path: Path) -> None:
    path = write(tmp_path, document(tmp_path))
    async with serving(path) as running:
        await running.event("ready")
        before, owner = files(tmp_path), (tmp_path / "receiver.db.lock").read_text("utf-8")
        ended = await run("check", path)
        assert ended.code == 0, ended.err
        assert running.process.returncode is None
        assert files(tmp_path) == before
        assert (tmp_path / "receiver.db.lock").read_text("utf-8") == owner
        assert owner.strip() == str(running.process.pid)
    assert f"{path} is fine" in ended.out


def test_check_leaves_no_trace_of_a_store(tmp_path: Path) -> None:
    config = document(tmp_path)
    config["store"]["url"] = f"sqlite:///{tmp_path}/not/yet/there/receiver.db"
    path = write(tmp_path, config)
    assert say("check", path).code == 0
    assert files(tmp_path) == ["receiver.yaml"]
    folder = tmp_path / "not/yet/there"
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "receiver.db")) as db:  # as a receiver leaves it
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA user_version = {VERSION}")
    kept = files(tmp_path), (folder / "receiver.db").read_bytes()
    assert say("check", path).code == 0
    assert (files(tmp_path), (folder / "receiver.db").read_bytes()) == kept


def files(folder: Path) -> list[str]:
    """Return everything in a folder, at any depth."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def say(*arguments: str | Path, environ: dict[str, str] | None = None) -> Ended:
    """Run a command in this process: it has no other way out than its words and its code."""
    names = [name for name in os.environ if name.startswith(("OTEL_", "RECEIVER_"))]
    env: dict[str, str | None] = {**dict.fromkeys(names), **(environ or {})}
    result = CliRunner().invoke(main, [*map(str, arguments)], env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)


def test_help_names_every_command() -> None:
    ended = say("-h")
    assert ended.code == 0
    assert all(name in ended.out for name in ("serve", "check", "demo", "sandbox", "render"))


def test_check_lists_every_problem_with_path_value_and_cure(tmp_path: Path) -> None:
    config = document(tmp_path)
    config["server"]["listen"] = "nowhere"
    config["servr"] = {}
    config["routes"][0]["targets"] = ["mars:oc_1"]
    config["feishu"][0]["app_secret"] = ""
    ended = say("check", write(tmp_path, config))
    assert ended.code == 1
    assert "server.listen" in ended.err
    assert "'nowhere'" in ended.err
    assert "host:port" in ended.err
    assert "servr" in ended.err
    assert "routes[0].targets[0]" in ended.err
    assert "feishu[0].app_secret" in ended.err
    assert leaks(ended.out + ended.err) == []


def test_check_names_a_variable_that_is_not_set(tmp_path: Path) -> None:
    config = document(tmp_path)
    config["alertmanagers"][0]["external_url"] = "${NOT_SET_ANYWHERE}"
    ended = say("check", write(tmp_path, config))
    assert ended.code == 1
    assert "NOT_SET_ANYWHERE" in ended.err


def test_check_wants_a_token_off_loopback(tmp_path: Path) -> None:
    config = document(tmp_path)
    config["server"]["ops_listen"] = "0.0.0.0:0"
    del config["server"]["ops_token"]
    ended = say("check", write(tmp_path, config))
    assert ended.code == 1
    assert "server.ops_token" in ended.err


def test_check_refuses_a_newer_store(tmp_path: Path) -> None:
    path = tmp_path / "receiver.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = path.read_bytes()
    ended = say("check", write(tmp_path, document(tmp_path)))
    assert ended.code == 1
    assert f"schema version {VERSION + 1}" in ended.err
    assert path.read_bytes() == before


def test_check_refuses_a_file_that_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "receiver.db").write_bytes(b"no database, but long enough to be read as one" * 99)
    ended = say("check", write(tmp_path, document(tmp_path)))
    assert ended.code == 1
    assert "store.url" in ended.err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
    ],
)
def test_check_names_a_tracing_variable_that_cannot_be_followed(
    name: str, value: str, tmp_path: Path
) -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", name: value}
    ended = say("check", write(tmp_path, document(tmp_path)), environ=environ)
    assert ended.code == 1
    assert name in ended.err
    assert value in ended.err


def test_check_of_no_file_says_so(tmp_path: Path) -> None:
    ended = say("check", tmp_path / "nothing.yaml")
    assert ended.code == 1
    assert "nothing.yaml" in ended.err


def test_render_prints_the_card(tmp_path: Path) -> None:
    config = document(tmp_path)
    config["templates"] = {"title": "Look: {{ incident.title }}"}
    ended = say("render", SINGLE, "--config", write(tmp_path, config))
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["schema"] == "2.0"
    assert "Look: DiskFull" in ended.out


def test_render_takes_a_body_from_its_input() -> None:
    result = CliRunner().invoke(main, ["render", "-", "--bot"], input=SINGLE.read_bytes())
    assert result.exit_code == 0
    assert "DiskFull" in result.stdout


def test_render_says_what_is_wrong_with_a_body(tmp_path: Path) -> None:
    path = tmp_path / "body.json"
    path.write_bytes(b'{"alerts": 7}')
    ended = say("render", path)
    assert ended.code == 1
    assert "the body cannot be read" in ended.err
    assert "alerts" in ended.err


def drawn(path: Path, *, bot: bool) -> str:
    """Return a payload's card, or an empty text where nothing fires in it."""
    raw = path.read_bytes()
    problem, card = render_body(raw, None, {}, bot=bot)
    firing = any(alert["status"] == "firing" for alert in json.loads(raw)["alerts"])
    assert bool(problem) != bool(card)
    assert bool(card) == firing, problem
    return card


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_every_real_body_becomes_a_card_that_could_be_sent(path: Path) -> None:
    card = drawn(path, bot=False)
    if card:
        assert json.loads(card)["schema"] == "2.0"
        assert json.loads(card)["header"]["template"] in {"red", "orange", "blue", "grey"}
        assert '"callback"' in card


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_a_group_bots_card_calls_nobody_back(path: Path) -> None:
    assert '"callback"' not in drawn(path, bot=True)


def test_a_body_in_which_nothing_fires_opens_no_card() -> None:
    raw = json.dumps({"alerts": [{"status": "resolved", "labels": {"alertname": "X"}}]})
    problem, card = render_body(raw.encode(), None, {}, bot=False)
    assert "nothing fires" in problem
    assert card == ""


def test_a_bad_configuration_is_named(tmp_path: Path) -> None:
    path = tmp_path / "receiver.yaml"
    path.write_text("routes: []")
    problem, _ = render_body(SINGLE.read_bytes(), path, {}, bot=False)
    assert "routes" in problem


def test_the_fullest_configuration_of_these_tests_has_no_warning(tmp_path: Path) -> None:
    assert load(write(tmp_path, document(tmp_path)), {}).warnings == ()
