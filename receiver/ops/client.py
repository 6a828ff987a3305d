"""The client of the ops port's API, for ``receiver replay`` and ``receiver why``."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Self

import httpx
import msgspec

from receiver.openapi import LETTERS_MOST
from receiver.phrases.story import Event, Line, Now, event_line, now_lines

DEFAULT_URL = "http://127.0.0.1:8081"
TIMEOUT = 30.0  # seconds
UNAUTHORIZED, MISSING = 401, 404
COLUMNS = ("id", "incident", "target", "since", "reason", "title")
TITLE_SHOWN = 60
SHOWN_MOST = 100  # owners, silences and cards of an incident, each
_NEWEST = f"only the newest {LETTERS_MOST} dead letters"


class Refused(Exception):
    """What was asked for cannot be done; the text says why, and the cure."""


class Unknown(Refused):
    """There is no such dead letter (any more); others may still be sent again."""


class DeadLetter(msgspec.Struct, frozen=True):
    """A dead letter, as the API tells it; ``since`` in Unix ms."""

    id: int
    incident: int
    target: str
    since: int
    reason: str
    detail: str = ""
    title: str = ""


class Letters(list[DeadLetter]):
    """Some dead letters; ``cut`` says that older ones may not have been looked at."""

    cut = False


class Whole(msgspec.Struct, frozen=True):
    """An incident: where it stands, and its timeline, the oldest line first."""

    now: Now
    timeline: list[Event]


class _Listed(msgspec.Struct):
    dead_letters: list[DeadLetter]


class _Problem(msgspec.Struct):
    title: str = ""
    detail: str = ""


class OpsClient:
    """Asks a running receiver; used as a context manager, which closes its connections."""

    def __init__(self, url: str, token: str, transport: httpx.BaseTransport | None = None) -> None:
        self.cut = False  # whether what was listed last is not all
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._url = url.rstrip("/")
        self._http = httpx.Client(
            headers=headers, timeout=TIMEOUT, trust_env=False, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def dead_letters(self, target: str = "") -> Letters:
        """Return the dead letters, the newest first; only a target's, or a channel's.

        Raises:
            Refused: the receiver does not answer, or not with dead letters, or there are so many
                that a target's may not be among those that it lists.

        """
        path = f"/api/v1/dead-letters?limit={LETTERS_MOST}"
        answer = self._ask("GET", path)
        try:
            listed = msgspec.json.decode(answer.content, type=_Listed).dead_letters
        except msgspec.MsgspecError:
            raise Refused(f"{self._url} is no receiver's ops port: its answer is strange") from None
        letters = Letters(letter for letter in listed if _belongs(letter.target, target))
        letters.cut = len(listed) >= LETTERS_MOST
        if letters.cut and not letters:
            raise Refused(
                f"{_NEWEST} are looked at, and none is of {target}: send newer ones again first, "
                "or give the ids"
            )
        self.cut = letters.cut
        return letters

    def incident(self, number: int) -> Whole:
        """Return an incident with its timeline.

        Raises:
            Unknown: there is no such incident.
            Refused: the receiver does not answer, or not with an incident.

        """
        answer = self._ask("GET", f"/api/v1/incidents/{number}", missing=True)
        if answer.status_code == MISSING:
            raise Unknown(f"{number} is no incident: its card, and `alerts` in the chat, name it")
        try:
            return msgspec.json.decode(answer.content, type=Whole)
        except msgspec.MsgspecError:
            raise Refused(f"{self._url} answers strangely: is it of an older version?") from None

    def replay(self, letter: int) -> None:
        """Have a dead letter sent again.

        Raises:
            Unknown: there is no such dead letter.
            Refused: the receiver does not answer, or not with what was asked for.

        """
        answer = self._ask("POST", f"/api/v1/dead-letters/{letter}/replay", missing=True)
        if answer.status_code == MISSING:
            raise Unknown(f"{letter} is no dead letter: `receiver replay` lists those that are")

    def _ask(self, method: str, path: str, *, missing: bool = False) -> httpx.Response:
        try:
            answer = self._http.request(method, f"{self._url}{path}")
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise Refused(f"--url: {self._url!r} is no URL; write {DEFAULT_URL}") from None
        except httpx.TransportError as failure:
            why = str(failure) or type(failure).__name__
            raise Refused(
                f"nothing answers at {self._url} ({why}): is the receiver running, and is this its "
                "server.ops_listen? Name another address with --url or --config"
            ) from None
        if answer.is_success or (missing and _is_problem(answer)):
            return answer
        raise Refused(self._worded(answer))

    def _worded(self, answer: httpx.Response) -> str:
        if answer.status_code == UNAUTHORIZED:
            return (
                f"{self._url} wants another token: give server.ops_token with --token-file, "
                "--token or --config"
            )
        try:
            said = msgspec.json.decode(answer.content, type=_Problem)
        except msgspec.MsgspecError:
            said = _Problem("and is no receiver's ops port")
        detail = f": {said.detail}" if said.detail else ""
        return f"{self._url} answers {answer.status_code} {said.title}{detail}"


def replayed(client: OpsClient, letters: Iterable[int]) -> Iterator[tuple[str, bool]]:
    """Send dead letters again; yield what became of each, and whether that is good.

    Raises:
        Refused: the receiver does not answer (any more).

    """
    for letter in letters:
        try:
            client.replay(letter)
        except Unknown as wrong:
            yield str(wrong), False
        else:
            yield f"{letter} is sent again", True
    if client.cut:
        yield f"{_NEWEST} were looked at: when they are shown, do this again for older ones", False


def _is_problem(answer: httpx.Response) -> bool:
    """Whether a 404 is the API's own word, and not that of some other server."""
    kind = answer.headers.get("content-type", "")
    return answer.status_code == MISSING and kind.startswith("application/problem+json")


def _belongs(target: str, wanted: str) -> bool:
    """Whether a target is the wanted one, or a chat of the wanted channel."""
    return not wanted or target == wanted or target.partition(":")[0] == wanted


def table(letters: Sequence[DeadLetter]) -> list[str]:
    """Return the dead letters as the lines of a table; times in UTC."""
    rows = [COLUMNS, *(_row(letter) for letter in letters)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if isinstance(letters, Letters) and letters.cut:
        lines.append(f"{_NEWEST} are looked at: there may be older ones")
    return lines


def story(told: Whole, *, chinese: bool = False) -> list[str]:
    """Return in plain words where an incident stands and what it went through; times in UTC."""
    head = f"#{told.now.id} {told.now.title}"
    lines = [*now_lines(told.now, told.timeline, SHOWN_MOST), *map(event_line, told.timeline)]
    return [_plain(head), *(_written(line, chinese=chinese) for line in lines)]


def _written(line: Line, *, chinese: bool) -> str:
    return "".join(
        _moment(piece) if isinstance(piece, int) else _plain(piece[0 if chinese else 1])
        for piece in line
    )


def _row(letter: DeadLetter) -> tuple[str, ...]:
    return (
        str(letter.id),
        str(letter.incident),
        _plain(letter.target),
        _moment(letter.since),
        _plain(": ".join(filter(None, (letter.reason, letter.detail)))),
        _plain(letter.title)[:TITLE_SHOWN],
    )


def _plain(text: str) -> str:
    """Return a text without what would steer a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def _moment(at: int) -> str:
    try:
        return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(at)


def ops_url(host: str, port: int) -> str:
    """Return the URL of an ops port that listens there, as this machine reaches it."""
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (every interface)
    return f"http://[{here}]:{port}" if ":" in here else f"http://{here}:{port}"
