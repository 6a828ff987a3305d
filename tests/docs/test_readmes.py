"""The two READMEs agree with each other, with the program, and with the real Alertmanager."""

import re
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import click
import pytest
import yaml

from receiver.__main__ import main
from receiver.config import parse
from tests.binaries import find
from tests.docs.pages import blocks, headings, links, page, spans, table
from tests.packaging.tree import ROOT

READMES = {"README.md": "command", "README.zh-CN.md": "命令"}
ENGLISH, CHINESE = (page(name) for name in READMES)
CONFIG, ALERTMANAGER = (block.text for block in blocks(ENGLISH) if block.language == "yaml")
OWN = {"README.md", "README.zh-CN.md", "docs/images/sandbox.png", "docs/images/sandbox-zh.png"}
PICTURES = ("docs/images/sandbox.png", "docs/images/sandbox-zh.png")
SIZE = (1360, 900)
WEIGHT = 400_000
HAN = re.compile(r"[\u4e00-\u9fff]")


def options(command: click.Command) -> set[str]:
    found = (each for each in command.params if isinstance(each, click.Option))
    return {name for each in found for name in each.opts if name.startswith("--")}


def usage(name: str, command: click.Command) -> str:
    arguments = (each for each in command.params if isinstance(each, click.Argument))
    return " ".join(
        ["receiver", name, *(each.make_metavar(_context(command)) for each in arguments)]
    )


def _context(command: click.Command) -> click.Context:
    return click.Context(command)


def test_both_languages_have_the_same_code() -> None:
    assert blocks(CHINESE) == blocks(ENGLISH)
    assert Counter(spans(CHINESE)) == Counter(spans(ENGLISH))


def test_both_languages_have_the_same_structure() -> None:
    levels = [level for level, _ in headings(ENGLISH)]
    assert [level for level, _ in headings(CHINESE)] == levels
    assert ENGLISH.count("\n- ") == CHINESE.count("\n- ")
    assert ENGLISH.count("\n|") == CHINESE.count("\n|")


def test_both_languages_link_to_the_same_pages() -> None:
    first, second = (Counter(set(links(text)) - OWN) for text in (ENGLISH, CHINESE))
    assert first == second
    assert "README.zh-CN.md" in links(ENGLISH)
    assert "README.md" in links(CHINESE)


def test_the_chinese_page_is_chinese() -> None:
    paragraphs = [each for each in re.split(r"\n\n+", CHINESE) if not each.startswith(("```", "#"))]
    plain = [each for each in paragraphs if "```" not in each and "\n$ " not in each]
    assert len(plain) > 10
    assert [each for each in plain if not HAN.search(each)] == []


@pytest.mark.parametrize(("name", "header"), READMES.items())
def test_the_commands_are_those_of_the_program(name: str, header: str) -> None:
    rows = table(page(name), header)
    told = {row[0].strip("`"): set(re.findall(r"`(--[\w-]+)`", row[1])) for row in rows}
    assert told == {
        usage(each, command): options(command) for each, command in main.commands.items()
    }


@pytest.mark.parametrize(("name", "header"), [("README.md", "target"), ("README.zh-CN.md", "目标")])
def test_the_targets_are_those_of_the_makefile(name: str, header: str) -> None:
    found = re.search(r"^\.PHONY: (.+)$", page("Makefile"), re.MULTILINE)
    assert found
    targets = {f"`make {target}`" for target in found[1].split() if target != "help"}
    assert {row[0] for row in table(page(name), header)} == targets


def test_the_configuration_has_ten_lines_and_is_fine(tmp_path: Path) -> None:
    assert len(CONFIG.splitlines()) == 10
    text = CONFIG + f"store: {{url: 'sqlite:///{tmp_path}/receiver.db'}}\n"
    for path in re.findall(r"/etc/receiver/[\w-]+", CONFIG):
        here = tmp_path / Path(path).name
        here.write_text("0123456789abcdef\n")
        text = text.replace(path, str(here))
    file = tmp_path / "receiver.yaml"
    file.write_text(text)
    command = [sys.executable, "-m", "receiver", "check", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "warning" not in done.stdout
    assert f"{file} is fine" in done.stdout


def test_alertmanager_accepts_its_part(tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(ALERTMANAGER)
    command = [str(find("amtool")), "check-config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout


def test_alertmanager_posts_to_the_source_that_is_configured() -> None:
    document = yaml.safe_load(CONFIG)
    ((webhook,),) = (each["webhook_configs"] for each in yaml.safe_load(ALERTMANAGER)["receivers"])
    (source,) = document["alertmanagers"]
    posted = urlsplit(webhook["url"])
    assert posted.path == f"/webhooks/alertmanager/{source['name']}"
    assert document["server"]["listen"] == f"0.0.0.0:{posted.port}"
    token = webhook["http_config"]["authorization"]["credentials_file"]
    assert Path(token).name == Path(source["webhook_token_file"]).name


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_the_addresses_and_defaults_are_the_programs(text: str, tmp_path: Path) -> None:
    (app,) = yaml.safe_load(CONFIG)["feishu"]
    assert f"https://alerts.example.com/callbacks/feishu/{app['name']}" in spans(text)
    bare = parse(
        "feishu: [{name: x, webhook_url: 'https://open.feishu.cn/x'}]\nroutes: [{targets: [x]}]",
        {},
        tmp_path,
    )
    assert str(bare.store.path) in spans(text)
    assert str(bare.server.ops_listen.port) in text


@pytest.mark.parametrize("name", PICTURES)
def test_the_pictures_are_light_and_of_one_size(name: str) -> None:
    raw = (ROOT / name).read_bytes()
    assert raw.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", raw[16:24]) == SIZE
    assert len(raw) < WEIGHT
