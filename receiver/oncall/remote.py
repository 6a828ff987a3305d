"""Asks a calendar or an endpoint who is on call: little is read, and not for long."""

import asyncio
import re
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import msgspec

from receiver.domain.oncall import Shift

# Copies of what the reading process says: importing it would bring its libraries along.
WRONG = 3
CALENDAR_LIMIT = 4 << 20  # bytes
LIST_LIMIT = 64 << 10
PEOPLE_MOST = 1_000
TOTAL = 10.0  # seconds for a whole answer
READING = 30.0  # seconds for a calendar's reading, which has five of the processor
REDIRECTS_MOST = 3
OK = 200
_PERSON = re.compile(r"ou_[A-Za-z0-9_-]{1,64}|[^\s@<>\"]{1,64}@[A-Za-z0-9.-]{1,255}")


class NoAnswer(Exception):
    """There is no usable answer; the message says why, without the address's secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """Where a list comes from; ``calendar`` says how the answer is written."""

    calendar: bool
    every: int  # ms
    url: str = field(default="", repr=False)
    path: Path | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    zone: str = ""

    @property
    def limit(self) -> int:
        """The most bytes that an answer may have."""
        return CALENDAR_LIMIT if self.calendar else LIST_LIMIT


class _People(msgspec.Struct):
    people: list[str]


_people = msgspec.json.Decoder(_People | list[str]).decode


def build_http() -> httpx.AsyncClient:
    """Build the client with which lists are fetched."""
    return httpx.AsyncClient(
        timeout=TOTAL,
        limits=httpx.Limits(max_connections=8, max_keepalive_connections=0),
        verify=ssl.create_default_context(),
        follow_redirects=False,
    )


async def fetch(http: httpx.AsyncClient, remote: Remote, patience: float = TOTAL) -> bytes:
    """Return what a list's place holds now; ``patience`` is in seconds.

    Raises:
        NoAnswer: nothing usable, or nothing in time.

    """
    if remote.path is not None:
        return await asyncio.to_thread(_read_file, remote.path, remote.limit)
    url = remote.url
    try:
        async with asyncio.timeout(patience):
            for _ in range(REDIRECTS_MOST + 1):
                answer = await _get(http, url, remote)
                if isinstance(answer, bytes):
                    return answer
                url = _followed(url, answer)
    except TimeoutError:
        raise NoAnswer(f"no whole answer within {patience:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as wrong:
        # Its text may quote the address, and so a secret. Where a connection is refused while its
        # answer is read, httpx lets the OSError through.
        raise NoAnswer(f"not reached ({type(wrong).__name__})") from None
    raise NoAnswer(f"more than {REDIRECTS_MOST} redirects")


async def _get(http: httpx.AsyncClient, url: str, remote: Remote) -> bytes | str:
    """Return a body, or where an answer points to."""
    async with http.stream("GET", url, headers=dict(remote.headers)) as answer:
        if answer.is_redirect:
            return str(answer.headers.get("location", ""))
        if answer.status_code != OK:
            raise NoAnswer(f"HTTP {answer.status_code}")
        body = bytearray()
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > remote.limit:
                raise NoAnswer(f"more than {remote.limit} bytes")
        return bytes(body)


def _followed(url: str, location: str) -> str:
    """Return where a redirect leads; headers may be secret, so never to another host."""
    there = urljoin(url, location)
    if urlsplit(there)[:2] != urlsplit(url)[:2]:
        raise NoAnswer("redirected to another host: name the final address")
    return there


def _read_file(path: Path, limit: int) -> bytes:
    try:
        if not path.is_file():  # reading a pipe or a device might never end
            raise NoAnswer("the file does not exist, or is no regular file")
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except OSError as wrong:
        raise NoAnswer(f"the file cannot be read: {wrong.strerror}") from None
    if len(raw) > limit:
        raise NoAnswer(f"the file has more than {limit} bytes")
    return raw


def read_people(raw: bytes) -> tuple[str, ...]:
    """Read an endpoint's answer: a list of people, or one under ``people``.

    Raises:
        NoAnswer: it is something else.

    """
    try:
        said = _people(raw)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
        raise NoAnswer('the answer is no {"people": ["li@example.com"]}') from None
    people = said.people if isinstance(said, _People) else said
    if len(people) > PEOPLE_MOST:
        raise NoAnswer(f"the answer names more than {PEOPLE_MOST} people")
    for number, person in enumerate(people):
        if not _PERSON.fullmatch(person):
            raise NoAnswer(f"people[{number}] is neither an e-mail address nor an open_id")
    return tuple(dict.fromkeys(people))


async def read_calendar(raw: bytes, zone: str, begins: int, ends: int) -> tuple[Shift, ...]:
    """Read a calendar's shifts in a span of time (Unix ms), in a process of its own.

    Raises:
        NoAnswer: it cannot be read, or not within its time and memory.

    """
    reader = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", "receiver.oncall.calendar", zone, str(begins), str(ends)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(READING):
            said, _ = await reader.communicate(raw)
    except TimeoutError:
        raise NoAnswer("the calendar takes too long to read: its rules repeat too much") from None
    finally:
        if reader.returncode is None:
            reader.kill()
            await reader.wait()
    return _read_answer(reader.returncode, said)


def _read_answer(code: int | None, said: bytes) -> tuple[Shift, ...]:
    if code == WRONG:
        raise NoAnswer(said.decode("utf-8", "replace"))
    if code:
        raise NoAnswer("the calendar takes too long to read: its rules repeat too much")
    return msgspec.json.decode(said, type=tuple[Shift, ...])


def headers_of(headers: Mapping[str, str], bearer: str) -> tuple[tuple[str, str], ...]:
    """Return what is sent along with each request."""
    token = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    return tuple({"Accept": "*/*", **headers, **token}.items())
