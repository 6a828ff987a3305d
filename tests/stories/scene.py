"""A receiver in a process of its own before a sandbox whose limits are on, and what both saw."""

import asyncio
import html
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx

from receiver.sandbox.desk import Desk
from receiver.sandbox.server import Sandbox
from receiver.sandbox.state import Call, Message
from tests.stories.bodies import body
from tests.stories.cards import Json, said, words
from tests.stories.process import Process, command, write
from tests.stories.setting import TOKEN, settings, team_of

# What the platform answers to those who call too often, whichever limit it was.
TOO_OFTEN: Final = frozenset({230020, 99991400, 11232, 11233, 11247, 9499})
SENDS: Final = frozenset({"create", "reply", "hook"})


LOOK_AGAIN: Final = 0.2
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


# https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot: avoid 10:00 and 17:30
RUSH_EVERY, RUSH = 1_800.0, 30.0
# How the alerts of these stories are called, by their label "instance".
NAME: Final = re.compile(r"\b[a-z]+-\d{2,}\b")
LONG: Final = 3_600.0  # seconds


def storm(*, enabled: bool) -> Json:
    """Return the configuration's key for storm mode, off or as it is by default."""
    return {"storm": {"enabled": enabled, "after": "20s"}}


@dataclass
class Scene:
    """What a story sees of it all from outside."""

    sandbox: Sandbox
    process: Process
    http: httpx.AsyncClient
    url: str
    ops_url: str

    @property
    def desk(self) -> Desk:
        """The sandbox's administrator."""
        return self.sandbox.state

    def now(self) -> int:
        """Return the sandbox's time in Unix ms, which stamps its messages."""
        return self.desk.clock.now()

    def messages(self, chat: str) -> list[Message]:
        """Return a chat's messages, replies too, oldest first."""
        return self.desk.messages(chat)

    def calls(self, *names: str) -> list[Call]:
        """Return the calls of these names, oldest first; of all names if none is given."""
        return [call for call in self.desk.calls if not names or call.call in names]

    async def post(self, document: Mapping[str, Any]) -> None:
        """Post a webhook's body, which the receiver must accept."""
        answer = await self.http.post(
            f"{self.url}/webhooks/alertmanager/prod",
            json=document,
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        assert answer.status_code == 200, answer.text

    async def fire(self, *alerts: Json, **keys: Any) -> None:
        """Post a body with these alerts."""
        await self.post(body(*alerts, **keys))

    async def until(self, condition: Callable[[], Any], limit: float) -> None:
        """Wait for something that the sandbox sees."""
        await self.desk.until(condition, limit)

    async def never(self, condition: Callable[[], Any], seconds: float) -> None:
        """Watch for so long that something does not happen in the sandbox."""
        with suppress(TimeoutError):
            await self.desk.until(condition, seconds)
            raise AssertionError("it happened")

    async def calm(self, seconds: float, ahead: float = 0) -> None:
        """Wait until lesser messages of group bots will not be spread for so many seconds.

        That is done for half a minute after each full and half hour, when everybody sends.
        """
        start = (self.now() / 1000 + ahead) % RUSH_EVERY
        if start < RUSH:
            await self.never(lambda: False, RUSH - start)
        elif start + seconds > RUSH_EVERY:
            await self.never(lambda: False, RUSH_EVERY - start + RUSH)

    async def sent(self, chat: str, count: int, limit: float) -> list[Message]:
        """Wait until a chat has so many messages, and return them."""
        ids = self.desk.chats[chat].message_ids
        try:
            await self.until(lambda: len(ids) >= count, limit)
        except TimeoutError:
            raise AssertionError(f"{len(ids)} of {count} messages after {limit} s") from None
        return self.messages(chat)

    async def api(self, path: str) -> Json:
        """Return what the ops port's API answers."""
        answer = await self.http.get(f"{self.ops_url}/api/v1/{path}")
        answer.raise_for_status()
        told: Json = answer.json()
        return told

    async def incidents(self) -> list[Json]:
        """Return all incidents, page by page, the newest first."""
        found: list[Json] = []
        before = 0
        while page := (await self.api(f"incidents?limit=200&before={before}"))["incidents"]:
            found += page
            before = page[-1]["id"]
        return found

    async def waiting(self) -> list[Json]:
        """Return the cards that are not yet shown."""
        cards: list[Json] = (await self.api("cards"))["cards"]
        return cards

    async def until_shown(self, limit: float = 15) -> None:
        """Wait until no card waits; no event tells of the store, so it is asked now and then."""
        async with asyncio.timeout(limit):
            while await self.waiting():
                await self.never(lambda: False, LOOK_AGAIN)

    async def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that carry these labels."""
        text = (await self.http.get(f"{self.ops_url}/metrics")).text
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.startswith((f"{name}{{", f"{name} ")) and all(pair in line for pair in wanted)
        )

    def limited(self) -> list[Call]:
        """Return the calls that were answered with a limit."""
        return [call for call in self.desk.calls if call.code in TOO_OFTEN]


@asynccontextmanager
async def scene(sandbox: Sandbox, folder: Path, **keys: Any) -> AsyncIterator[Scene]:
    """Run ``receiver serve`` before a sandbox until the block ends; ``keys`` as in ``settings``."""
    path = write(settings(sandbox, folder, **keys), folder / "receiver.yaml")
    async with command("serve", "--config", str(path)) as process:
        ready = await process.event("ready")
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            made = Scene(sandbox, process, http, ready["url"], ready["ops_url"])
            await _connect(made)
            try:
                yield made
            finally:
                (folder / "receiver.log").write_text(process.output, "utf-8")
                with suppress(ProcessLookupError):
                    process.send(signal.SIGTERM)


async def _connect(made: Scene) -> None:
    """Save the callback address in the platform's console, which asks it for a challenge."""
    app_id = team_of(made.sandbox).app.app_id
    wrong = await made.desk.set_callback_url(app_id, f"{made.url}/callbacks/feishu/ops")
    assert wrong is None, wrong


async def report(
    http: httpx.AsyncClient, url: str, alerts: Iterable[Mapping[str, str]], ends: str = ""
) -> None:
    """Tell a real Alertmanager of many alerts in one request; ``ends`` says when they ended."""
    over = {"endsAt": ends} if ends else {}
    document = [{"labels": dict(labels), **over} for labels in alerts]
    (await http.post(f"{url}/api/v2/alerts", json=document)).raise_for_status()


def names_in(message: Message) -> set[str]:
    """Return the alerts' names that a message says."""
    return _names(words(message))


def _names(text: str) -> set[str]:
    return set(NAME.findall(html.unescape(text)))


def said_in(messages: Sequence[Message], names: Sequence[str]) -> dict[str, list[Message]]:
    """Return the messages, replies aside, that say each of these names."""
    found: dict[str, list[Message]] = {name: [] for name in names}
    for message in messages:
        for name in names_in(message) & found.keys() if message.root_id is None else ():
            found[name].append(message)
    return found


class Saying(NamedTuple):
    """A chat was told of an alert, by a new message or an edit."""

    chat: str
    name: str
    colour: str
    late: bool


@dataclass
class Told:
    """When each alert's name was first said in a chat, in Unix ms: an edit says as a send does."""

    first: dict[str, int] = field(default_factory=dict)
    sayings: list[Saying] = field(default_factory=list)
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def of(self, names: Iterable[str], limit: float) -> None:
        """Wait until all these were said, or for so many seconds."""
        wanted = set(names)
        with suppress(TimeoutError):
            async with asyncio.timeout(limit), self._more:
                await self._more.wait_for(lambda: wanted <= self.first.keys())

    def waits(self, since: Mapping[str, int], most: int) -> dict[str, int]:
        """Return the names that were said later than so many ms after these times, or never (-1).

        The values are how late each was.
        """
        waits = {name: self.first.get(name, -1) - at for name, at in since.items()}
        return {name: max(wait, -1) for name, wait in waits.items() if not 0 <= wait <= most}

    async def read(self, sandbox: Sandbox) -> None:
        """Read what is shown until cancelled."""
        async for event in sandbox.state.tenant.hub.events(LONG):
            if event and event["type"] == "message":
                async with self._more:
                    self._note(event["message"])
                    self._more.notify_all()

    def _note(self, message: Json) -> None:
        text = said(message["content"])
        hue = str(message["content"].get("header", {}).get("template", ""))
        for name in _names(text):
            self.first.setdefault(name, message["update_time"])
            self.sayings.append(Saying(message["chat_id"], name, hue, "late" in text))


@asynccontextmanager
async def reading(sandbox: Sandbox) -> AsyncIterator[Told]:
    """Read all that is shown until the block ends."""
    told = Told()
    task = asyncio.ensure_future(told.read(sandbox))
    try:
        yield told
    finally:
        task.cancel()


def per_minute(calls: Sequence[Call]) -> Iterator[int]:
    """Yield how many of these calls arrived in each full minute after the first of them."""
    minute = 60_000
    times = [call.at for call in calls]
    for start in range(times[0], times[-1] - minute + 1, minute):
        yield sum(start <= at < start + minute for at in times)


async def paced(times: Iterable[float]) -> AsyncIterator[int]:
    """Yield 0, 1, 2 … at these seconds from now."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number, due in enumerate(times):
        await asyncio.sleep(max(began + due - loop.time(), 0))
        yield number


def moment(at: int) -> str:
    """Return Unix ms as Alertmanager's API takes them."""
    return (EPOCH + timedelta(milliseconds=at)).isoformat()
