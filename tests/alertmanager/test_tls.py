"""Mutual TLS with the real Alertmanagers; files that make no connection are named with the cure."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from receiver.alertmanager.answer import Created
from receiver.alertmanager.call import build_http
from receiver.alertmanager.peer import Source
from receiver.alertmanager.silences import body_of
from receiver.alertmanager.tls import BadTls, Tls, context_of
from receiver.domain.truth import Truth, Unanswered
from tests.alertmanager.certificates import Authority
from tests.alertmanager.conftest import PATIENT, Desk
from tests.alertmanager.made import made
from tests.real_alertmanager import RealAlertmanager, Settings, real_alertmanager, wall_clock

ELSEWHERE = "am.example.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """A server that wants certificates, the authority, and how to be let in."""

    server: RealAlertmanager
    authority: Authority
    tls: Tls

    async def truth(self, desk: Desk, tls: Tls) -> Truth | Unanswered:
        """Ask for the truth with these files."""
        async with build_http(PATIENT, tls) as http:
            return await replace(desk, http=http).of(self.server.url).truth(wall_clock())


def _settings(authority: Authority, hosts: tuple[str, ...]) -> Settings:
    pair = authority.sign("server", hosts)
    return Settings(
        web_config={
            "tls_server_config": {
                "cert_file": str(pair.cert),
                "key_file": str(pair.key),
                "client_auth_type": "RequireAndVerifyClientCert",
                "client_ca_file": str(authority.ca),
            }
        }
    )


def _files(folder: Path) -> tuple[Authority, Tls]:
    authority = Authority(folder)
    pair = authority.sign("receiver")
    return authority, Tls(ca_file=authority.ca, cert_file=pair.cert, key_file=pair.key)


@asynccontextmanager
async def guarded(
    folder: Path, binary: Path, hosts: tuple[str, ...] = ("127.0.0.1",)
) -> AsyncIterator[Guarded]:
    authority, tls = await asyncio.to_thread(_files, folder)
    settings = await asyncio.to_thread(_settings, authority, hosts)
    trust = context_of(tls)
    trust.check_hostname = hosts != (ELSEWHERE,)
    async with real_alertmanager(folder, settings, binary=binary, trust=trust) as server:
        yield Guarded(server=server, authority=authority, tls=tls)


async def test_both_sides_show_a_certificate(
    desk: Desk, tmp_path: Path, alertmanager_binary: Path
) -> None:
    async with (
        guarded(tmp_path, alertmanager_binary) as at,
        build_http(PATIENT, at.tls) as http,
    ):
        client = replace(desk, http=http).client(Source(name="prod", urls=(at.server.url,)))
        created = await client.create(body_of(made(asked_at=wall_clock())))
        seen = await client.truth(wall_clock())

    assert isinstance(created, Created)
    assert isinstance(seen, Truth)
    assert [one.id for one in seen.silences] == [created.silence_id]


async def test_who_shows_none_or_a_strangers_is_not_let_in(
    desk: Desk, tmp_path: Path, alertmanager_binary: Path
) -> None:
    async with guarded(tmp_path, alertmanager_binary) as at:
        stranger = (await asyncio.to_thread(Authority, tmp_path, "other")).sign("stranger")
        nobody = Tls(ca_file=at.tls.ca_file)
        unknown = replace(nobody, cert_file=stranger.cert, key_file=stranger.key)
        for tls in (nobody, unknown):
            seen = await at.truth(desk, tls)
            assert isinstance(seen, Unanswered)
            assert "TLS: " in seen.problem


async def test_a_server_that_another_authority_signed_is_not_trusted(
    desk: Desk, tmp_path: Path, alertmanager_binary: Path
) -> None:
    async with guarded(tmp_path, alertmanager_binary) as at:
        other = await asyncio.to_thread(Authority, tmp_path, "other")
        for tls in (Tls(), replace(at.tls, ca_file=other.ca)):
            seen = await at.truth(desk, tls)
            assert isinstance(seen, Unanswered)
            assert "certificate verify failed" in seen.problem
            assert str(tmp_path) not in seen.problem


async def test_a_server_may_bear_another_name_than_its_address(
    desk: Desk, tmp_path: Path, alertmanager_binary: Path
) -> None:
    async with guarded(tmp_path, alertmanager_binary, (ELSEWHERE,)) as at:
        assert isinstance(await at.truth(desk, at.tls), Unanswered)
        assert isinstance(await at.truth(desk, replace(at.tls, server_name=ELSEWHERE)), Truth)
        wrong = await at.truth(desk, replace(at.tls, server_name="other.example.com"))
        assert isinstance(wrong, Unanswered)


def _wrong(folder: Path) -> dict[str, tuple[Tls, str]]:
    authority, tls = _files(folder)
    other, locked = authority.sign("other"), authority.sign("locked", locked=True)
    text = folder / "text.pem"
    text.write_text("not PEM: hunter2")
    absent = folder / "absent.pem"
    return {
        "no ca": (Tls(ca_file=absent), f"ca_file: '{absent}': name a file that exists"),
        "a folder": (Tls(ca_file=folder), f"ca_file: '{folder}': name a file that exists"),
        "ca text": (Tls(ca_file=text), "ca_file: no certificate: name a PEM file"),
        "no key": (replace(tls, key_file=None), "key_file: nothing: set key_file too"),
        "no cert": (replace(tls, cert_file=None), "cert_file: nothing: set cert_file too"),
        "absent key": (replace(tls, key_file=absent), f"key_file: '{absent}': name a file"),
        "another's": (replace(tls, key_file=other.key), "key_file: another key: name the key of"),
        "cert text": (replace(tls, cert_file=text), "cert_file: no certificate with a key"),
        "locked": (
            replace(tls, cert_file=locked.cert, key_file=locked.key),
            "cert_file: no certificate with a key: name PEM files of a certificate and its key, w",
        ),
    }


@pytest.mark.parametrize(
    "case",
    ["no ca", "a folder", "ca text", "no key", "no cert", "absent key", "another's", "cert text",
     "locked"],
)  # fmt: skip
def test_files_that_make_no_connection_are_named(tmp_path: Path, case: str) -> None:
    tls, said = _wrong(tmp_path)[case]
    with pytest.raises(BadTls) as caught:
        context_of(tls)
    assert str(caught.value).startswith(said)
    assert "hunter2" not in str(caught.value)
