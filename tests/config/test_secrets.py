"""Secrets: given in three ways, shown in none."""

import copy
import dataclasses
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.config import BadConfig, Secret, parse, summary
from receiver.config.schema import every_key
from receiver.config.secret_kinds import FILE_LIMIT
from tests.config.made import HERE, made, problems

SECRET_KEYS = {path for path, kind, _ in every_key() if kind.secret}
TEXT = """
server:
  ops_listen: 0.0.0.0:8081
  ops_token{0}
alertmanagers:
  - name: prod
    urls: ["http://am"]
    webhook_token{1}
    basic_auth:
      username: me
      password{2}
    headers: {{X-Key: {header}}}
  - name: other
    bearer_token{3}
agents:
  - name: agent
    token{4}
feishu:
  - name: ops
    app_id: cli_a1
    app_secret{5}
    encrypt_key{6}
    verification_token{7}
  - name: legacy
    webhook_url{8}
    secret{9}
oncall:
  - name: web
    ical:
      url{10}
  - name: net
    http:
      url: https://duty.example.com
      bearer_token{11}
      headers: {{X-Key: {header}}}
routes:
  - targets: ["ops:oc_1", legacy]
"""
SECRETS = [f"hunter{number}" for number in range(12)]
SECRETS[8] = "https://open.feishu.cn/open-apis/bot/v2/hook/hunter8"
SECRETS[10] = "https://calendar.example.com/hunter10.ics"
HEADER = "hunter-header"


def _plain(values: list[str]) -> str:
    return TEXT.format(*(f": '{value}'" for value in values), header=HEADER)


def test_the_text_has_every_key_that_is_a_secret() -> None:
    told = "\n".join(problems(_plain(["\\"] * 12).replace("'\\'", "[]")))
    for key in SECRET_KEYS:
        assert f".{key.rpartition('.')[2]} (line" in told


def _nothing_of(text: str) -> None:
    assert "hunter" not in text


def test_no_secret_is_in_the_repr_of_a_configuration() -> None:
    config = made(_plain(SECRETS))
    _nothing_of(repr(config))
    _nothing_of(str(config))
    _nothing_of(summary(config))
    _nothing_of(" ".join(config.warnings))
    assert config.alertmanagers[0].headers == (("X-Key", HEADER),)


def test_the_three_ways_to_give_a_secret_agree(tmp_path: Path) -> None:
    environ = {f"SECRET_{number}": value for number, value in enumerate(SECRETS)}
    by_variable = TEXT.format(*(f": ${{{name}}}" for name in environ), header=HEADER)
    for name, value in environ.items():
        (tmp_path / name).write_text(f"{value}\n")
    by_file = TEXT.format(*(f"_file: {name}" for name in environ), header=HEADER)
    expected = made(_plain(SECRETS))
    assert made(by_variable, environ) == expected
    assert made(by_file, base=tmp_path) == expected


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_secrets_file_is_taken_without_its_last_line_break(ending: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(f"pa$${{x}}ss{ending}".encode())
    config = made(_server("token"), base=tmp_path)
    assert config.server.ops_token == Secret("pa$${x}ss")


def _server(name: str) -> str:
    return f"{{server: {{ops_token_file: {name}}}, {_rest()}}}"


def _rest() -> str:
    bot = "{name: bot, webhook_url: 'https://f/h'}"
    return f"feishu: [{bot}], routes: [{{targets: [bot]}}]"


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "seen an empty text; give it a value, or remove the key"),
        (b"hunter\xff", "seen 'token'; save the secret in the file as UTF-8 text"),
        (b"hunter\n2", "seen a secret; remove the line break or tab"),
        (b"hunter\x002", "seen a secret; remove the control character"),
        (
            b"hunter" * FILE_LIMIT,
            f"seen 'token'; name a file of at most {FILE_LIMIT} bytes",
        ),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(raw: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(raw)
    told = problems(_server("token"), base=tmp_path)
    assert told == [f"server.ops_token_file (line 1): {problem}"]


def test_a_file_name_beyond_all_limits_is_refused(tmp_path: Path) -> None:
    (told,) = problems(_server("x" * 5000), base=tmp_path)
    assert "File name too long" in told
    assert len(told) < 300


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="'$"), max_size=30), max_size=10))
def test_no_problem_tells_a_secret(given_values: list[str]) -> None:
    values = [f"hunter{value}" for value in given_values] + SECRETS[len(given_values) :]
    try:
        _nothing_of(repr(parse(_plain(values), {}, HERE)))
    except BadConfig as bad:
        _nothing_of(str(bad))
        _nothing_of(repr(bad))


@pytest.mark.parametrize(
    "text",
    [
        "alertmanagers: [{name: a, urls: ['http://me:hunter2@am']}]",
        "alertmanagers: [{name: a, urls: ['me:hunter2@am:9093']}]",
        "alertmanagers: [{name: a, urls: ['http://me:hun/ter2@hunter2']}]",
        "alertmanagers: [{name: a, urls: ['http://am?token=hunter2']}]",
        "alertmanagers: [{name: a, basic_auth: hunter2}]",
        "alertmanagers: [{name: a, webhook_token: [hunter2]}]",
        "alertmanagers: [{name: a, webhook_token: {a: hunter2}}]",
        "alertmanagers: [{name: a, webhook_token: *hunter2}]",
        "alertmanagers: [{name: a, webhook_token: &hunter2 x}]",
        "alertmanagers: [{name: a, webhook_token: !hunter2 x}]",
        "alertmanagers: [{name: a, webhook_token: !hunter2!x x}]",
        "alertmanagers: [{name: a, webhook_token: @hunter2}]",
        "alertmanagers: [{name: a, webhook_token: 'hunter2}]",
        'alertmanagers: [{name: a, webhook_token: "hunter\\2"}]',
        "alertmanagers: [hunter2]",
        "alertmanagers: hunter2",
        "feishu: [hunter2]",
        "hunter2",
        "routes: [{targets: ['https://f/hook/hunter2']}]",
        "store: {url: 'postgresql://me:hunter2@db'}",
    ],
)
def test_a_secret_in_the_wrong_place_is_not_told(text: str) -> None:
    told = problems(text)
    assert told
    _nothing_of("\n".join(told))


def test_a_variables_value_is_not_told() -> None:
    text = "server: {listen: '${X}', external_url: 'http://${X}/?'}\nlog: ${X}"
    told = problems(text, {"X": "hunter2"})
    assert len(told) == 4
    _nothing_of("\n".join(told))


def test_a_secret_shows_itself_to_nobody_but_who_asks() -> None:
    secret = Secret("hunter2")
    assert secret.reveal() == "hunter2"
    assert f"{secret} {secret!r}" == "Secret('***') Secret('***')"
    assert secret == Secret("hunter2")
    assert secret != Secret("other")
    assert hash(secret) == hash(Secret("hunter2"))
    with pytest.raises(AttributeError):
        secret._value = "x"  # noqa: SLF001
    with pytest.raises(AttributeError):
        del secret._value  # noqa: SLF001
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.copy(secret)


def test_values_are_frozen() -> None:
    config = made(_plain(SECRETS))
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.log = "debug"  # type: ignore[misc]
