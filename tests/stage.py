"""A sandbox, a receiver and whatever alerts, on one loopback: what the stories are played on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from receiver.app import App, real_world, running
from receiver.config import parse
from receiver.domain.alert import fingerprint
from receiver.sandbox.clicks import Clicked
from receiver.sandbox.desk import Desk
from receiver.sandbox.server import Sandbox, serve_sandbox
from receiver.sandbox.state import Message, User
from receiver.telemetry.logs import build_logging
from tests.real_alertmanager import RealAlertmanager, Settings

Json = dict[str, Any]

TOKEN: Final = "story-webhook-token"
AGENT_TOKEN: Final = "story-agent-token"
PRODUCTION: Final = "oc_production_alerts"
PLATFORM: Final = "oc_platform_team"
SERVICE: Final = "oc_customer_service"
NOWHERE: Final = "http://127.0.0.1:9"
SECRETS: Final = ("sandbox-app-secret", "sandbox-encrypt-key", "sandbox-verification-token")
NEVER: Final = "0001-01-01T00:00:00Z"


class Gate:
    """A port that leads to another one, and can be shut: then nobody is reached through it."""

    def __init__(self, to: str) -> None:
        self.url = ""
        self._to = httpx.URL(to)
        self._port = 0
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    def lead_to(self, url: str) -> None:
        """Lead new connections elsewhere."""
        self._to = httpx.URL(url)

    async def open(self) -> None:
        """Take connections, on the same port as before."""
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def shut(self) -> None:
        """Refuse connections, and break those that are open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, here: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._carry(here, back))
        self._talks.add(task)
        task.add_done_callback(self._talks.discard)
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await task

    async def _carry(self, here: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        writers = [back]
        try:
            there, out = await asyncio.open_connection(self._to.host, self._to.port)
            writers.append(out)
            both = [asyncio.ensure_future(_pump(here, out)), asyncio.ensure_future(_pump(there, back))]
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in both:
                    one.cancel()
                await asyncio.gather(*both, return_exceptions=True)
        finally:
            for writer in writers:
                writer.transport.abort()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while chunk := await source.read(1 << 16):
        sink.write(chunk)
        await sink.drain()


@asynccontextmanager
async def gate(to: str, *, shut: bool = False) -> AsyncIterator[Gate]:
    """Run a gate until the block ends; with ``shut`` it has a port, and refuses."""
    made = Gate(to)
    await made.open()
    try:
        if shut:
            await made.shut()
        yield made
    finally:
        await made.shut()


def settings(sandbox: Sandbox, folder: Path, **keys: Any) -> Json:
    """Return a configuration; ``keys`` replace whole top-level keys of it."""
    document: Json = {
        "server": {
            "listen": "127.0.0.1:0",
            "ops_listen": "127.0.0.1:0",
            "external_url": "http://receiver.test",
            "shutdown_timeout": "5s",
        },
        "store": {"url": f"sqlite:///{folder}/receiver.db"},
        "alertmanagers": [source(NOWHERE)],
        "agents": [{"name": "helper", "token": AGENT_TOKEN}],
        "feishu": [app_of(sandbox), bot_of(sandbox)],
        "routes": [{"targets": [f"ops:{PRODUCTION}"]}],
    }
    return {**document, **keys}


def source(*urls: str, name: str = "prod") -> Json:
    """Return an entry of ``alertmanagers``."""
    return {"name": name, "urls": list(urls), "webhook_token": TOKEN}


def app_of(sandbox: Sandbox, base_url: str = "") -> Json:
    """Return the entry of the sandbox's app."""
    if sandbox.team is None:
        raise LookupError("this sandbox has no team")
    app = sandbox.team.app
    return {
        "name": "ops",
        "base_url": base_url or sandbox.platform_url,
        "app_id": app.app_id,
        "app_secret": app.secret,
        "encrypt_key": app.encrypt_key,
        "verification_token": app.verification_token,
    }


def bot_of(sandbox: Sandbox) -> Json:
    """Return the entry of the sandbox's group bot."""
    if sandbox.team is None:
        raise LookupError("this sandbox has no team")
    return {"name": "legacy", "webhook_url": sandbox.hook_url, "secret": sandbox.team.hook.secret}


def controls(card: Json) -> dict[str, str]:
    """Return the JSON pointers of a card's controls by what they ask for."""
    found: dict[str, str] = {}
    for pointer, element in _walk(card, ""):
        for behavior in element.get("behaviors", ()):
            if behavior["type"] == "callback":
                found[behavior["value"]["a"]] = pointer
    return found


def _walk(node: object, pointer: str) -> Iterator[tuple[str, Json]]:
    if isinstance(node, dict):
        yield pointer, node
        for key, value in node.items():
            yield from _walk(value, f"{pointer}/{key}")
    elif isinstance(node, list):
        for at, value in enumerate(node):
            yield from _walk(value, f"{pointer}/{at}")


def words(message: Message, language: str = "en_us") -> str:
    """Return all that a message says in a language."""
    said: list[str] = []
    for _, node in _walk(message.content, ""):
        texts = node.get("i18n_content", {})
        own = texts.get(language, node.get("content", node.get("text")))
        if isinstance(own, str):
            said.append(own)
    return "\n".join(said)


def colour(message: Message) -> str:
    """Return the colour of a card's header."""
    return str(message.content.get("header", {}).get("template", ""))


def alert(name: str = "HighLoad", *, firing: bool = True, **labels: str) -> Json:
    """Return an alert as Alertmanager's webhook has it."""
    every = {"alertname": name, "severity": "critical", **labels}
    return {
        "status": "firing" if firing else "resolved",
        "labels": every,
        "annotations": {"summary": f"{name} on {labels.get('instance', 'all')}"},
        "startsAt": "2026-01-01T00:00:00.123456789Z",
        "endsAt": NEVER if firing else "2026-01-01T00:05:00Z",
        "generatorURL": "http://prometheus.test/graph?g0.expr=up",
        "fingerprint": fingerprint(every),
    }


def body(*alerts: Json, peer: str = "http://am-0:9093", **keys: Any) -> Json:
    """Return a webhook's body; ``keys`` replace its fields."""
    name = alerts[0]["labels"].get("alertname", "")
    firing = any(one["status"] == "firing" for one in alerts)
    return {
        "receiver": "team",
        "status": "firing" if firing else "resolved",
        "alerts": list(alerts),
        "groupLabels": {"alertname": name},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": peer,
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{name}"}}',
        "truncatedAlerts": 0,
        **keys,
    }


@dataclass
class Stage:
    """What a story has at hand."""

    sandbox: Sandbox
    receiver: App
    http: httpx.AsyncClient
    folder: Path

    @property
    def desk(self) -> Desk:
        """The sandbox's administrator."""
        return self.sandbox.state

    @property
    def people(self) -> dict[str, User]:
        """The people by name."""
        return {user.name: user for user in self.desk.users.values()}

    def messages(self, chat: str = PRODUCTION) -> list[Message]:
        """Return a chat's messages, replies too, oldest first."""
        return self.desk.messages(chat)

    def calls(self, *names: str) -> list[int]:
        """Return the codes with which calls of these names were answered, in their order."""
        return [call.code for call in self.desk.calls if call.call in names]

    async def message(self, chat: str = PRODUCTION, number: int = 1, limit: float = 10) -> Message:
        """Wait for a chat's n-th message."""

        def arrived() -> Message | None:
            found = self.messages(chat)
            return found[number - 1] if len(found) >= number else None

        return await self.desk.until(arrived, limit)

    async def until(self, condition: Callable[[], Any], limit: float = 10) -> None:
        """Wait for something that the sandbox sees."""
        await self.desk.until(condition, limit)

    async def shows(self, message: Message, *texts: str, limit: float = 10) -> None:
        """Wait until a message says all of these, in English."""
        try:
            await self.until(lambda: all(text in words(message) for text in texts), limit)
        except TimeoutError:
            raise AssertionError(f"not shown: {texts}\n{words(message)}") from None

    async def turns(self, message: Message, wanted: str, limit: float = 10) -> None:
        """Wait until a card has this colour."""
        try:
            await self.until(lambda: colour(message) == wanted, limit)
        except TimeoutError:
            raise AssertionError(f"{colour(message)}, not {wanted}\n{words(message)}") from None

    async def quiet(self, message: Message, limit: float = 10) -> None:
        """Wait until nothing is left to show of what happened so far."""
        store = self.receiver.store

        async def shown() -> bool:
            return not any(card.message_id == message.message_id for card in await store.cards(0))

        async with asyncio.timeout(limit):
            while not await shown():
                seen = len(self.desk.calls)
                await self.until(lambda seen=seen: len(self.desk.calls) > seen, limit)

    async def click(self, message: Message, what: str, who: str = "韩梅梅", **form: str) -> Clicked:
        """Let a person use a control of a card."""
        pointer = controls(message.content)[what]
        chosen = {"form_value": form} if form else {}
        return await self.desk.click(
            message.message_id, self.people[who].open_id, pointer, **chosen
        )

    async def post(self, document: Mapping[str, Any], where: str = "prod") -> str:
        """Post a webhook's body; return what it did."""
        answer = await self.http.post(
            f"{self.receiver.url}/webhooks/alertmanager/{where}",
            json=document,
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["reason"])

    async def fire(self, *alerts: Json, **keys: Any) -> str:
        """Post a body with these alerts; return what it did."""
        return await self.post(body(*alerts, **keys))

    async def tell(self, **message: Any) -> Json:
        """Post an agent's message; return the answer."""
        answer = await self.http.post(
            f"{self.receiver.url}/webhooks/agents/helper",
            json=message,
            headers={"Authorization": f"Bearer {AGENT_TOKEN}"},
        )
        assert answer.status_code == 200, answer.text
        told: Json = answer.json()
        return told

    async def incidents(self) -> Sequence[Json]:
        """Return the incidents as the API tells them, the newest first."""
        answer = await self.http.get(f"{self.receiver.ops_url}/api/v1/incidents")
        listed: list[Json] = answer.json()["incidents"]
        return listed

    async def incident(self, number: int) -> Json:
        """Return an incident with its alerts, cards and timeline."""
        answer = await self.http.get(f"{self.receiver.ops_url}/api/v1/incidents/{number}")
        told: Json = answer.json()
        return told

    async def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that carry these labels."""
        text = (await self.http.get(f"{self.receiver.ops_url}/metrics")).text
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.startswith(f"{name}{{") and all(pair in line for pair in wanted)
        )

    def log(self) -> str:
        """Return what the receiver has logged."""
        return (self.folder / "receiver.log").read_text("utf-8")


@asynccontextmanager
async def receiving(document: Json, folder: Path) -> AsyncIterator[App]:
    """Run a receiver with this configuration until the block ends."""
    path = folder / "receiver.yaml"
    text = yaml.safe_dump(document, allow_unicode=True)
    path.write_text(text, "utf-8")
    with (folder / "receiver.log").open("ab", buffering=0) as log:
        logs = build_logging("info", log)
        config = parse(text, {}, folder)
        async with running(
            App(config, path=path, environ={}, logs=logs, world=real_world())
        ) as app:
            yield app


async def connect(sandbox: Sandbox, receiver: App) -> None:
    """Save the callback address in the platform's console, which asks it for a challenge."""
    if sandbox.team is None:
        raise LookupError("this sandbox has no team")
    url = f"{receiver.url}/callbacks/feishu/ops"
    wrong = await sandbox.state.set_callback_url(sandbox.team.app.app_id, url)
    assert wrong is None, wrong


@asynccontextmanager
async def stage(folder: Path, **keys: Any) -> AsyncIterator[Stage]:
    """Run a sandbox and a receiver until the block ends; ``keys`` as in ``settings``."""
    async with serve_sandbox() as sandbox, played(sandbox, folder, **keys) as made:
        yield made


@asynccontextmanager
async def played(sandbox: Sandbox, folder: Path, **keys: Any) -> AsyncIterator[Stage]:
    """Run a receiver in front of a sandbox until the block ends."""
    async with (
        receiving(settings(sandbox, folder, **keys), folder) as receiver,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        await connect(sandbox, receiver)
        yield Stage(sandbox, receiver, http, folder)


async def notify(
    alertmanager: RealAlertmanager, folder: Path, at: Stage, chosen: Settings | None = None
) -> None:
    """Have a real Alertmanager, whose files are in this folder, post to the receiver."""
    url = f"{at.receiver.url}/webhooks/alertmanager/prod"
    wanted = chosen or Settings(group_by=("alertname", "cluster"))
    replace(wanted, webhook_url=url, token=TOKEN).arguments(folder)
    (await at.http.post(f"{alertmanager.url}/-/reload")).raise_for_status()
