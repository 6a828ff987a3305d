"""The real receiver, started, killed and started again on one store, before a strict sandbox."""

import asyncio
import contextlib
import json
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from receiver.sandbox.server import Sandbox, serve_sandbox
from receiver.sandbox.state import Message
from receiver.store.file import selfcheck
from tests.crash.bodies import Group
from tests.crash.forks import ROOT, Forked, Forks

TOKEN = "crash-token"  # noqa: S105  (this machine's alone)
CHAT = "oc_production_alerts"
APP = "cli_sandbox"
OPERATORS = "oc_platform_team"
START_PATIENCE = 30.0
PATIENCE = 20.0
# What the platform answers to those who call too often.
TOO_OFTEN = frozenset({230020, 99991400, 11232, 9499})

CONFIG = """
server: {{listen: "127.0.0.1:0", ops_listen: "127.0.0.1:0"}}
store: {{url: "sqlite:///{folder}/receiver.db"}}
alertmanagers:
  - name: crash
    urls: ["http://127.0.0.1:9"]
    webhook_token: {token}
feishu:
  - name: ops
    base_url: {feishu}
    app_id: cli_sandbox
    app_secret: sandbox-app-secret
    encrypt_key: sandbox-encrypt-key
    verification_token: sandbox-verification-token
  - name: legacy
    webhook_url: {hook}
    secret: sandbox-hook-secret
operators_target: 'ops:oc_platform_team'
storm: {{enabled: false}}
routes:
{routes}
log: info
"""
# Each group calls a person of its own, whom no earlier card of the same life has looked up.
ROUTE = """
  - match: ['cluster="cluster{number}z"']
    targets: ['ops:oc_production_alerts']
    mention: [person{number}@example.com]
    notify: [new_alerts]
"""
GROUPS_MOST = 60
ROUTES = (
    "".join(ROUTE.format(number=number) for number in range(1, GROUPS_MOST + 1))
    + """
  - targets: ['ops:oc_production_alerts']
"""
)
BOT_ROUTES = """
  - targets: ['legacy']
"""


@dataclass(slots=True)
class Life:
    """One process of the receiver, from its start to its end."""

    process: asyncio.subprocess.Process | Forked
    url: str = ""
    ops_url: str = ""
    said: list[str] = field(default_factory=list)
    drain: "asyncio.Task[None] | None" = None
    exit: "asyncio.Task[int]" = field(init=False)

    def __post_init__(self) -> None:
        self.exit = asyncio.create_task(self.process.wait())

    @property
    def ready(self) -> bool:
        """Whether it listens."""
        return bool(self.url)

    async def ended(self, patience: float = PATIENCE) -> int:
        """Wait for the end of the process, and return its code.

        Raises:
            TimeoutError: it lives on.

        """
        code = await asyncio.wait_for(asyncio.shield(self.exit), patience)
        if self.drain is not None:
            await self.drain
        return code


class Stage:
    """Starts lives one after the other, posts bodies, and compares the chat with what must be."""

    def __init__(self, folder: Path, sandbox: Sandbox, http: httpx.AsyncClient) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.groups: list[Group] = []
        self.unanswered: list[tuple[Group, bytes]] = []
        self.answers: list[httpx.Response] = []
        self.life: Life | None = None
        self._http = http
        self._stirred = asyncio.Event()
        self._ahead = 0
        self._forks = Forks()

    @property
    def store(self) -> Path:
        """The store's file."""
        return self.folder / "receiver.db"

    def configure(self, routes: str = ROUTES, place: Path | None = None) -> Path:
        """Write the configuration, and return its path; ``place`` is the store's folder."""
        text = CONFIG.format(
            folder=place or self.folder,
            token=TOKEN,
            feishu=self.sandbox.platform_url,
            hook=self.sandbox.hook_url,
            routes=routes,
        )
        path = self.folder / "receiver.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def advance(self, ms: int) -> None:
        """Set the platform's clock ahead, and that of every life that starts from now on."""
        self._ahead += ms
        self.sandbox.state.clock.advance(ms)

    async def start(self, trap: Sequence[str] = (), under: Sequence[str] = ()) -> Life:
        """Start a life, with the launcher where there is a trap or the clock is ahead.

        It may end before it listens, if that is what the trap is for. ``under`` is a program that
        starts it.
        """
        command = ["serve", "--config", str(self.folder / "receiver.yaml")]
        if trap or self._ahead:
            life = Life(await self._forks.spawn(["--ahead", str(self._ahead), *trap, *command]))
        else:
            life = Life(
                await asyncio.create_subprocess_exec(
                    *under,
                    sys.executable,
                    "-m",
                    "receiver",
                    *command,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                    cwd=ROOT,
                )
            )
        self.life = life
        up = asyncio.Event()
        life.drain = asyncio.create_task(self._listen(life, up))
        await asyncio.wait_for(up.wait(), START_PATIENCE)
        return life

    async def _listen(self, life: Life, up: asyncio.Event) -> None:
        """Read what a life says; each line may be what somebody waits for."""
        try:
            if life.process.stdout is None:
                raise RuntimeError("the process has no output")
            async for line in life.process.stdout:
                life.said.append(line.decode(errors="replace"))
                if not life.ready:
                    with contextlib.suppress(json.JSONDecodeError):
                        event = json.loads(line)
                        if event.get("event") == "ready":
                            life.url, life.ops_url = event["url"], event["ops_url"]
                            up.set()
                self._stirred.set()
        finally:
            up.set()

    async def watch(self) -> None:
        """Let whatever happens on the platform be what somebody waits for."""
        async for _ in self.sandbox.state.tenant.hub.events(PATIENCE):
            self._stirred.set()

    async def until(
        self, condition: Callable[[], Awaitable[bool]], what: str, patience: float = PATIENCE
    ) -> None:
        """Wait until a condition holds, asking again after each event.

        Raises:
            AssertionError: it does not in time, or the process ended.

        """
        try:
            async with asyncio.timeout(patience):
                self._stirred.clear()
                while not await condition():
                    await self._stirred.wait()
                    self._stirred.clear()
        except (TimeoutError, httpx.TransportError) as problem:
            raise AssertionError(
                f"{what}: not so ({problem!r}); missing: {self.missing()}\n{self.story()}"
            ) from problem

    async def post(self, group: Group, body: bytes) -> bool:
        """Post a body once; True when it was answered with 2xx, else it is posted again later."""
        life = self.life
        if life is None or not life.ready:
            raise RuntimeError("no life listens")
        try:
            answer = await self._http.post(
                f"{life.url}/webhooks/alertmanager/crash",
                content=body,
                headers={"Authorization": f"Bearer {TOKEN}"},
            )
        except httpx.TransportError:
            self.unanswered.append((group, body))
            return False
        self.answers.append(answer)
        if not answer.is_success:
            if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                raise AssertionError(f"answered {answer.status_code}: {answer.text}")
            self.unanswered.append((group, body))
            return False
        return True

    async def post_again(self) -> None:
        """Post what was not answered, as Alertmanager does."""
        waiting, self.unanswered = self.unanswered, []
        for group, body in waiting:
            await self.post(group, body)

    async def settled(self, patience: float = PATIENCE) -> None:
        """Wait until every card shows every alert, and the store knows it."""

        async def done() -> bool:
            return not self.missing() and not await self._waiting()

        await self.until(done, "every alert is on a card, and no card waits", patience)

    async def _waiting(self) -> list[object]:
        answer = await self.ask("/api/v1/cards")
        found: list[object] = answer.raise_for_status().json()["cards"]
        return found

    async def ask(self, path: str) -> httpx.Response:
        """Get something from the ops port."""
        if self.life is None:
            raise RuntimeError("no life")
        return await self._http.get(f"{self.life.ops_url}{path}")

    def cards(self) -> dict[str, list[Message]]:
        """Return the messages that show each group, by its name; replies apart."""
        drawn = [(message, _text(message)) for message in self._messages() if not message.root_id]
        return {
            group.name: [message for message, text in drawn if group.is_on(text)]
            for group in self.groups
        }

    def replies_to(self, card: Message) -> list[Message]:
        """Return the replies to a card."""
        return [message for message in self._messages() if message.root_id == card.message_id]

    def _messages(self) -> list[Message]:
        desk = self.sandbox.state
        return [message for chat in desk.chats for message in desk.messages(chat)]

    def missing(self) -> list[str]:
        """Return the alerts that no card shows, and the replies that are not there yet."""
        found = []
        cards = self.cards()
        for group in self.groups:
            mine = cards[group.name]
            text = "\n".join(_text(card) for card in mine)
            found += [marker for marker in group.markers() if marker not in text]
            if group.replies and sum(len(self.replies_to(card)) for card in mine) < group.replies:
                found.append(f"reply to {group.name}")
        return found

    def check(self, most: int = 1, refusals: int = 0) -> None:
        """Compare the chat with what must be: one card for each group, and no reply twice.

        So many ``refusals`` were made up by the test: the platform made none.
        """
        cards = self.cards()
        for group in self.groups:
            mine = cards[group.name]
            assert 1 <= len(mine) <= most, f"{group.name}: {len(mine)} cards\n{self.story()}"
            for marker in group.markers():
                assert marker in _text(mine[0]), f"{marker} is not on the card\n{self.story()}"
            replies = len(self.replies_to(mine[0]))
            assert replies == group.replies, (
                f"{group.name}: {replies} replies for {group.replies}\n{self.story()}"
            )
        refused = [call for call in self.sandbox.state.calls if call.code in TOO_OFTEN]
        assert len(refused) <= refusals, f"over the platform's limits: {refused}"

    def check_store(self) -> None:
        """Look into the store of a life that has ended: whole, and of one mind with the chat."""
        with contextlib.closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            rows = db.execute("SELECT message_id, shown, wanted, dead, in_flight FROM cards")
            cards = {row[0]: row[1:] for row in rows}
        _, wrong = selfcheck(self.store)
        assert wrong == ()
        shown = {mine[0].message_id for mine in self.cards().values()}
        notes = {message.message_id for message in self.sandbox.state.messages(OPERATORS)}
        assert shown <= set(cards) <= shown | notes
        for message, (revision, wanted, dead, in_flight) in cards.items():
            assert (revision, dead, in_flight) == (wanted, 0, 0), f"{message}\n{self.story()}"

    async def stop(self) -> None:
        """End the life as an operator would."""
        life = self.life
        if life is None:
            raise RuntimeError("no life")
        life.process.terminate()
        assert await life.ended() == 0, self.story()

    async def close(self) -> None:
        """End what starts lives."""
        await self._forks.close()

    def story(self) -> str:
        """Return what the last life said."""
        return "" if self.life is None else "".join(self.life.said[-40:])


def _text(message: Message) -> str:
    return json.dumps(message.content, ensure_ascii=False)


@contextlib.asynccontextmanager
async def staged(folder: Path, routes: str = ROUTES) -> AsyncIterator[Stage]:
    """Set a stage: a platform, a configuration, no life yet; what lives at the end is killed."""
    async with (
        serve_sandbox() as sandbox,
        httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0), timeout=30) as http,
    ):
        stage = Stage(folder, sandbox, http)
        _invite(sandbox)
        stage.configure(routes)
        watching = asyncio.create_task(stage.watch())
        try:
            yield stage
        finally:
            if stage.life is not None:
                if stage.life.process.returncode is None:
                    stage.life.process.kill()
                await stage.life.ended()
            await stage.close()
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


def _invite(sandbox: Sandbox) -> None:
    """Let everybody who is called be a person in the chat."""
    members = sandbox.state.chats[CHAT].members
    for number in range(1, GROUPS_MOST + 1):
        user = sandbox.state.add_user(f"person {number}", f"person{number}@example.com")
        members.append(user.open_id)
