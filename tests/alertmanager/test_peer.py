"""Addresses are joined without a doubled slash, and credentials stay out of sight."""

import base64

import pytest

from receiver.alertmanager.peer import BadAddress, Source, peers_of


@pytest.mark.parametrize(
    ("url", "joined"),
    [
        ("http://am:9093", "http://am:9093/api/v2/silences"),
        ("http://am:9093/", "http://am:9093/api/v2/silences"),
        ("https://am/prom/am//", "https://am/prom/am/api/v2/silences"),
        ("http://am//x", "http://am/x/api/v2/silences"),
        ("http://[::1]:9093", "http://[::1]:9093/api/v2/silences"),
        ("http://bob:pw@am:9093/am", "http://am:9093/am/api/v2/silences"),
        ("http://am/%E6%94%AF", "http://am/%E6%94%AF/api/v2/silences"),
    ],
)
def test_joining(url: str, joined: str) -> None:
    assert peers_of(Source(name="prod", urls=(url,)))[0].url("/silences") == joined


def test_credentials_never_show() -> None:
    source = Source(
        name="prod",
        urls=("http://bob:url-pw@am:9093",),
        headers={"X-Scope-OrgID": "tenant-secret"},
        basic_auth=("bob", "basic-pw"),
        bearer="bearer-token",
    )
    shown = repr(source) + repr(peers_of(source))

    for secret in ("url-pw", "tenant-secret", "basic-pw", "bearer-token", "Basic", "Bearer"):
        assert secret not in shown


def _basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


@pytest.mark.parametrize(
    ("source", "sent"),
    [
        (Source(name="a", urls=("http://am",)), None),
        (Source(name="a", urls=("http://bob:p%40w@am",)), _basic("bob:p@w")),
        (Source(name="a", urls=("http://am",), basic_auth=("李", "pw")), _basic("李:pw")),
        (Source(name="a", urls=("http://b:c@am",), basic_auth=("x", "y")), _basic("x:y")),
        (Source(name="a", urls=("http://am",), bearer="tok"), "Bearer tok"),
    ],
)
def test_authorization(source: Source, sent: str | None) -> None:
    assert peers_of(source)[0].headers.get("Authorization") == sent


def test_an_own_authorization_header_wins() -> None:
    source = Source(name="a", urls=("http://b:c@am",), headers={"authorization": "Sig x"})

    assert dict(peers_of(source)[0].headers) == {"authorization": "Sig x"}


@pytest.mark.parametrize(
    "url",
    ["am:9093", "ftp://am", "http://", "http://u:pw@am?x=1", "http://am#f", "http://u:pw@am:port"],
)
def test_wrong_urls_are_refused_without_showing_them(url: str) -> None:
    with pytest.raises(BadAddress, match=r"^prod: the URL") as caught:
        peers_of(Source(name="prod", urls=(url,)))
    assert "pw" not in str(caught.value)


def test_a_header_that_cannot_be_sent_is_refused_without_its_value() -> None:
    source = Source(name="prod", urls=("http://am",), headers={"X-Key": "se\r\ncret"})

    with pytest.raises(BadAddress, match=r"'X-Key' must be printable ASCII") as caught:
        peers_of(source)
    assert "cret" not in str(caught.value)
