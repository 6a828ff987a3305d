"""Secrets are masked wherever they stand; what is no secret stays readable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.telemetry.redaction import MASK, redact_text, redact_url, redact_values

HOOK = "https://open.feishu.cn/open-apis/bot/v2/hook/2c9d1b6e-aaaa-4bbb-8ccc-dddddddddddd"
TOKEN = "t-g1044qeGEDXTB6NDJOGV4JQCYDGHRBARFTGT1234"  # noqa: S105 - an example


@pytest.mark.parametrize(
    ("given_url", "expected"),
    [
        (HOOK, "https://open.feishu.cn/open-apis/bot/v2/hook/***"),
        (HOOK + "?x=1", "https://open.feishu.cn/open-apis/bot/v2/hook/***?x=1"),
        (
            "https://open.larksuite.com/open-apis/bot/hook/abc",
            "https://open.larksuite.com/open-apis/bot/hook/***",
        ),
        (
            "https://www.feishu.cn/flow/api/trigger-webhook/abc",
            "https://www.feishu.cn/flow/api/trigger-webhook/***",
        ),
        ("http://me:pw@am:9093/api/v2/silences", "http://***@am:9093/api/v2/silences"),
        ("http://token@am:9093/", "http://***@am:9093/"),
        ("/x?access_token=abc&page=2", "/x?access_token=***&page=2"),
        ("token=abc", "token=***"),
        ("http://am:9093/api/v2/alerts?filter=a", "http://am:9093/api/v2/alerts?filter=a"),
        ("https://open.feishu.cn/open-apis/im/v1/messages", None),
        ("http://[::1", None),
        ("", None),
    ],
)
def test_url(given_url: str, expected: str | None) -> None:
    assert redact_url(given_url) == (given_url if expected is None else expected)


@pytest.mark.parametrize("secret", [TOKEN, "c-295ee57216a5dc9de90fefd0aadb4b1d7d24e8b5"])
def test_a_platform_token_is_masked_in_prose(secret: str) -> None:
    assert secret[2:] not in redact_text(f'{{"err":"refused {secret}, try again"}}')


@pytest.mark.parametrize(
    "line", ["Authorization: Bearer abcdef0123456789", "authorization: basic cmVjZWl2ZXI6cHc="]
)
def test_credentials_are_masked(line: str) -> None:
    assert redact_text(line) == line.rsplit(" ", 1)[0] + " " + MASK


@pytest.mark.parametrize(
    "line", ["basic authentication failed", "not-a-token", "at-least-once", "c-3 and t-1000"]
)
def test_prose_stays(line: str) -> None:
    assert redact_text(line) == line


def test_values_of_secret_keys_are_masked_at_any_depth() -> None:
    values = {
        "app_secret": "s3",
        "token_expires_in": 7200,
        "encrypt_key": b"bytes",
        "nested": {"Authorization": "x", "list": [{"password": "y", "ok": True}]},
        "source": "prod",
    }
    assert redact_values(values) == {
        "app_secret": MASK,
        "token_expires_in": 7200,
        "encrypt_key": MASK,
        "nested": {"Authorization": MASK, "list": [{"password": MASK, "ok": True}]},
        "source": "prod",
    }


def test_a_mapping_that_holds_itself_ends() -> None:
    loop: dict[str, object] = {"a": 1}
    loop["again"] = loop
    assert MASK in str(redact_values(loop))


@given(st.text(alphabet="abcdef0123456789-", min_size=1), st.text(), st.text())
def test_a_hooks_token_never_survives(token: str, before: str, after: str) -> None:
    path = f"/open-apis/bot/v2/hook/{token}"
    assert path not in redact_text(f"{before} https://open.feishu.cn{path} {after}")


@given(st.text())
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once
