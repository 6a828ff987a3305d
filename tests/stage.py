"""A sandbox, a receiver and whatever alerts, on one loopback: what the stories are played on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import yaml

from receiver.app import App, real_world, running
from receiver.config import parse
from receiver.sandbox.clicks import Clicked, callback_body
from receiver.sandbox.desk import Desk
from receiver.sandbox.server import Sandbox, serve_sandbox
from receiver.sandbox.state import App as SandboxApp
from receiver.sandbox.state import Message, User
from receiver.telemetry.logs import build_logging
from tests.real_alertmanager import RealAlertmanager, Settings
from tests.stories.bodies import alert, body, over
from tests.stories.cards import Json, colour, controls, values, words
from tests.stories.gate import Gate, gate
from tests.stories.setting import (
    AGENT_TOKEN,
    NOWHERE,
    PLATFORM,
    PRODUCTION,
    SECRETS,
    SERVICE,
    TOKEN,
    app_of,
    bot_of,
    settings,
    source,
    team_of,
)

__all__ = [
    "AGENT_TOKEN",
    "NOWHERE",
    "PLATFORM",
    "PRODUCTION",
    "SECRETS",
    "SERVICE",
    "TOKEN",
    "Gate",
    "Json",
    "Stage",
    "alert",
    "app_of",
    "body",
    "bot_of",
    "colour",
    "connect",
    "controls",
    "gate",
    "gated",
    "notify",
    "over",
    "played",
    "receiving",
    "settings",
    "source",
    "stage",
    "team_of",
    "values",
    "words",
]

T = TypeVar("T")

LOOK_AGAIN: Final = 0.05


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
    def app(self) -> SandboxApp:
        """The app as the platform knows it."""
        return team_of(self.sandbox).app

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

    async def when(
        self, condition: Callable[[], Awaitable[T]], limit: float = 10, pause: float = LOOK_AGAIN
    ) -> T:
        """Wait for something that is to be asked for, and return it.

        It is asked for after each of the sandbox's events, and each ``pause`` seconds.
        """
        async with asyncio.timeout(limit):
            while not (found := await condition()):
                seen = len(self.desk.calls)
                # What the store keeps after a call, nobody sees from outside.
                with contextlib.suppress(TimeoutError):
                    await self.until(partial(self._more, seen), pause)
        return found

    def _more(self, seen: int) -> bool:
        return len(self.desk.calls) > seen

    async def quiet(self, limit: float = 10) -> None:
        """Wait until all that happened so far is shown everywhere; replies may come later."""

        async def shown() -> bool:
            return not await self.receiver.store.cards(0)

        await self.when(shown, limit)

    async def click(self, message: Message, what: str, who: str = "韩梅梅", **form: str) -> Clicked:
        """Let a person use a control of a card."""
        pointer = controls(message.content)[what]
        chosen = {"form_value": form} if form else {}
        return await self.desk.click(
            message.message_id, self.people[who].open_id, pointer, **chosen
        )

    def callback(self, who: str, message: Message, value: Json, **form: str) -> Json:
        """Return the callback of a click, with the value of a control as it once stood."""
        tenant = self.desk.tenant
        document = callback_body(tenant, self.app, self.people[who], message)
        action: Json = {"tag": "button", "value": value}
        document["event"] |= {"token": tenant.ids.mint("c-"), "action": action}
        if form:
            action["form_value"] = form
        return document

    async def send(self, document: Json) -> httpx.Response:
        """Send a callback, signed and encrypted as the platform does; return the answer."""
        return await self.http.send(self.desk.courier.request(self.app, document))

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
    url = f"{receiver.url}/callbacks/feishu/ops"
    wrong = await sandbox.state.set_callback_url(team_of(sandbox).app.app_id, url)
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


@asynccontextmanager
async def gated(
    folder: Path, *, shut: bool = False, **keys: Any
) -> AsyncIterator[tuple[Stage, Gate]]:
    """Run a stage whose receiver reaches Feishu through a gate."""
    async with (
        serve_sandbox() as sandbox,
        gate(sandbox.platform_url, shut=shut) as door,
        played(sandbox, folder, feishu=[app_of(sandbox, door.url), bot_of(sandbox)], **keys) as at,
    ):
        yield at, door
