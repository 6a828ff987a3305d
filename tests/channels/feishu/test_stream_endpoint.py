"""Where the long connection goes: what may be retried, what a person must cure, what is pinned."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.feishu.stream_endpoint import (
    CONNECTION_LIMIT,
    Endpoint,
    Loss,
    Trouble,
    domain_of,
    foreign,
    read_endpoint,
    refused_handshake,
)
from receiver.channels.feishu.stream_pace import PING_MOST, SLOW, WAIT_LEAST, Pace, pause, told

FEISHU = "https://open.feishu.cn"
URL = "wss://msg-frontier.feishu.cn/ws/v2?device_id=1&access_key=hush&service_id=33554678&ticket=t"


def body(code: int = 0, url: str = URL, **config: Any) -> bytes:
    return json.dumps(
        {"code": code, "msg": "said", "data": {"URL": url, "ClientConfig": config}}
    ).encode()


def trouble(found: Endpoint | Trouble) -> Trouble:
    assert isinstance(found, Trouble)
    return found


def test_an_address_is_read_with_its_service_and_its_config() -> None:
    found = read_endpoint(200, body(PingInterval=90), FEISHU)
    assert isinstance(found, Endpoint)
    assert (found.url, found.service) == (URL, 33_554_678)
    assert told(found.config, Pace()).ping == 90
    assert "hush" not in repr(found)


@pytest.mark.parametrize("code", [1, 1_000_040_343])
def test_two_codes_are_tried_again(code: int) -> None:
    assert trouble(read_endpoint(200, body(code), FEISHU)).loss is Loss.BUSY


@pytest.mark.parametrize(
    ("code", "cure"),
    [
        (403, "allow the app"),
        (514, "app_secret"),
        (1_000_040_344, "app_secret"),
        (1_000_040_350, "50"),
        (1_000_040_351, "base_url"),
        (987, "console"),
    ],
)
def test_the_rest_is_for_a_person(code: int, cure: str) -> None:
    found = trouble(read_endpoint(200, body(code), FEISHU))
    assert found.loss is Loss.REFUSED
    assert cure in found.cure
    assert str(code) in found.detail


@pytest.mark.parametrize("status", [400, 404, 429, 500, 502])
def test_another_status_is_tried_again(status: int) -> None:
    assert trouble(read_endpoint(status, body(514), FEISHU)).loss is Loss.BUSY


@given(st.integers(100, 599), st.binary(max_size=80), st.text(max_size=30))
def test_reading_is_total(status: int, raw: bytes, base: str) -> None:
    read_endpoint(status, raw, base)


@given(st.text(max_size=40))
def test_an_address_of_any_form_is_judged(url: str) -> None:
    found = read_endpoint(200, body(url=url), FEISHU)
    assert isinstance(found, Trouble)
    assert url not in found.detail or not url.strip() or len(url) < 8


@pytest.mark.parametrize(
    ("url", "base"),
    [
        (URL, FEISHU),
        ("wss://feishu.cn/ws", FEISHU),
        ("wss://a.b.feishu.cn:8443/ws", FEISHU),
        ("wss://msg-frontier.larksuite.com/", "https://open.larksuite.com"),
        ("wss://ws.chat.example.com/", "https://open.chat.example.com"),
        ("ws://127.0.0.1:9000/ws", "http://127.0.0.1:8090"),
        ("ws://[::1]:9000/ws", "http://localhost:8090"),
        ("wss://10.0.0.5/ws", "https://10.0.0.5"),
    ],
)
def test_hosts_of_the_channels_domain_may_be_followed(url: str, base: str) -> None:
    assert foreign(url, base) == ""


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("ws://msg-frontier.feishu.cn/", FEISHU),
        ("wss://msg-frontier.larksuite.com/", FEISHU),
        ("wss://evilfeishu.cn/", FEISHU),
        ("wss://feishu.cn.evil.example/", FEISHU),
        ("wss://feishu.cn@evil.example/", FEISHU),
        ("wss://u:p@msg.feishu.cn/", FEISHU),
        ("wss://169.254.169.254/", FEISHU),
        ("ws://127.0.0.1/", FEISHU),
        ("wss://localhost/", FEISHU),
        ("https://msg.feishu.cn/", FEISHU),
        ("wss://msg.feishu.cn/#x", FEISHU),
        ("wss://msg.feishu.cn/ x", FEISHU),
        ("wss://msg.feishu.cn/" + "x" * 5_000, FEISHU),
        ("wss://open.feishu.cn/", "http://127.0.0.1:8090"),
        ("wss://10.0.0.6/", "https://10.0.0.5"),
        ("wss://evil.co.uk/", "https://feishu.co.uk"),
        ("", FEISHU),
        ("wss://[/", FEISHU),
        ("wss://h:x/", FEISHU),
    ],
)
def test_nothing_else_is_followed(url: str, base: str) -> None:
    assert foreign(url, base)


@given(st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8}){0,3}", fullmatch=True))
def test_a_domain_is_the_host_or_its_parent_and_never_a_top_level(host: str) -> None:
    domain = domain_of(host)
    assert host == domain or host.endswith(f".{domain}")
    assert "." in domain or "." not in host


@pytest.mark.parametrize(
    ("headers", "loss"),
    [
        ({"Handshake-Status": "514", "Handshake-Autherrcode": "1000040350"}, Loss.REFUSED),
        ({"handshake-status": "403", "handshake-msg": "no"}, Loss.REFUSED),
        ({"Handshake-Status": "514", "Handshake-Autherrcode": "1000040345"}, Loss.BUSY),
        ({"Handshake-Status": "x" * 99}, Loss.BUSY),
        ({}, Loss.BUSY),
    ],
)
def test_a_refused_handshake_is_classified(headers: dict[str, str], loss: Loss) -> None:
    assert refused_handshake(headers, 400).loss is loss


def test_the_limit_of_connections_names_its_cure() -> None:
    headers = {"Handshake-Status": "514", "Handshake-Autherrcode": str(CONNECTION_LIMIT)}
    assert "50" in refused_handshake(headers, 400).cure


def test_a_pace_is_told_and_kept_within_bounds() -> None:
    raw = b'{"ReconnectCount":3,"ReconnectInterval":9,"ReconnectNonce":7,"PingInterval":5}'
    assert told(raw, Pace()) == Pace(3, 9, 7, 5)
    wild = b'{"ReconnectCount":-9,"ReconnectInterval":0,"ReconnectNonce":-1,"PingInterval":1e9}'
    assert told(wild, Pace(nonce=4)) == Pace(-1, WAIT_LEAST, 4, PING_MOST)
    assert told(b"{}", Pace(ping=3)) == Pace(ping=3)


@given(st.binary(max_size=60))
def test_any_config_leaves_a_sane_pace(raw: bytes) -> None:
    pace = told(raw, Pace())
    assert pace.ping >= 1
    assert pace.interval >= WAIT_LEAST


@given(st.integers(0, 50), st.floats(0, 1, exclude_max=True), st.booleans())
def test_a_pause_is_never_nothing(tries: int, share: float, refused: bool) -> None:
    pace = Pace(tries=5, interval=2, nonce=3)
    seconds = pause(pace, tries, share, refused=refused)
    assert WAIT_LEAST <= seconds <= SLOW
    if refused or tries > 5:
        assert seconds >= SLOW / 2
    elif tries:
        assert seconds == 2
    else:
        assert seconds <= 3
