"""Files that are no configuration at all, and how a whole list of problems reads."""

from pathlib import Path

import pytest
import yaml

from receiver.config import BadConfig, Problem, document, load, parse
from receiver.config.document import LIMIT
from receiver.config.problem import SHOWN_PROBLEMS
from tests.config.made import BODY, HERE, ROUTES, WHOLE, problems


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", "the file: seen nothing"),
        ("# x", "the file: seen nothing"),
        ("~", "the file (line 1): seen nothing"),
        ("hunter2", "the file (line 1): seen a text"),
        ("[a]", "the file (line 1): seen a list"),
    ],
)
def test_what_is_no_mapping_is_refused(text: str, seen: str) -> None:
    cure = "write key: value pairs; docs/configuration.md begins with an example"
    assert problems(text) == [f"{seen}; {cure}"]


def test_all_problems_are_told_at_once_in_the_files_order() -> None:
    text = f"server: {{listen: x, ops_listen: '0.0.0.0:1', nope: 1}}\nlog: x\n{WHOLE}flap_window: x"
    told = [line.split(" (")[0] for line in problems(text)]
    assert told == ["server.nope", "server.listen", "server.ops_listen", "log", "flap_window"]


def test_the_whole_text_names_the_file_and_counts(tmp_path: Path) -> None:
    path = tmp_path / "receiver.yaml"
    path.write_text(f"{WHOLE}log: x\n")
    with pytest.raises(BadConfig) as raised:
        load(path, {})
    assert str(raised.value) == (
        f"{path} has 1 problem:\n  log (line 9): seen 'x'; write one of debug, info, warning, error"
    )
    assert raised.value.problems == (
        Problem("log", "'x'", "write one of debug, info, warning, error", 9),
    )


def test_very_many_problems_are_cut_short() -> None:
    keys = "\n".join(f"zzz{number}: 1" for number in range(SHOWN_PROBLEMS + 7))
    with pytest.raises(BadConfig) as raised:
        parse(f"{keys}\n{WHOLE}", {}, HERE)
    assert len(raised.value.problems) == SHOWN_PROBLEMS + 7
    assert str(raised.value).endswith("\n  and 7 more")


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"\xff\xfe\x00", "the file: seen bytes that are no text; save the file as UTF-8 text"),
        (
            b"#" * (LIMIT + 1),
            f"the file: seen more than {LIMIT} bytes; a configuration has at most {LIMIT}",
        ),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(
    raw: bytes, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "receiver.yaml"
    path.write_bytes(raw)
    with pytest.raises(BadConfig) as raised:
        load(path, {})
    assert [str(each) for each in raised.value.problems] == [problem]


def test_control_characters_are_refused() -> None:
    (problem,) = problems(f"{BODY}\x01{ROUTES}")
    assert "control characters are not allowed" in problem or "special characters" in problem


def test_half_a_character_is_refused() -> None:
    assert problems("a: \ud800") == ["the file: seen half a character; save the file as UTF-8 text"]


def test_a_text_beyond_the_limit_is_refused() -> None:
    seen = f"seen {LIMIT + 1} characters"
    assert problems("#" * (LIMIT + 1)) == [f"the file: {seen}; a configuration has at most {LIMIT}"]


def test_an_escape_that_is_no_character_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "_Loader", yaml.SafeLoader)
    assert problems('a: "\\UFFFFFFFF"') == [
        (
            "the file: seen a strange value; the file is not readable as YAML: a number or an "
            "escape in it is out of range"
        )
    ]


def test_a_variable_of_undecodable_bytes_is_refused() -> None:
    assert problems(f"{WHOLE}log: ${{X}}", {"X": "\udcff"}) == [
        "log (line 9): seen a text with it; remove the half character (a lone surrogate)"
    ]


def test_a_channel_named_by_a_missing_variable_is_told_once_for_itself() -> None:
    text = "feishu: [{name: '${X}', webhook_url: 'https://f/h'}]\nroutes: [{targets: [x]}]"
    assert problems(text) == [
        (
            "feishu[0].name (line 1): seen ${X}; set the environment variable X, or write $${ for "
            "a plain ${"
        ),
        "routes[0].targets[0] (line 2): seen 'x'; add it to feishu",
    ]
    assert problems(text.replace("[x]", "[legacy]"), {"X": "legacy"}) == []


@pytest.mark.parametrize(
    ("name", "why"), [("missing.yaml", "No such file or directory"), (".", "Is a directory")]
)
def test_a_file_that_cannot_be_read_is_named(name: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(BadConfig) as raised:
        load(tmp_path / name, {})
    (problem,) = raised.value.problems
    assert str(problem) == (f"the file: seen no file; name a file that the service may read: {why}")
