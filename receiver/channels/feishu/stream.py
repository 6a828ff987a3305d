"""An app's long connection: clicks and events without a public address.

https://open.feishu.cn/document/server-docs/event-subscription-guide/event-subscription-configure-/request-url-configuration-case
"""

import asyncio

import msgspec

from receiver.channels.feishu.http import Answer, Request, Timeouts, exchange, explain
from receiver.channels.feishu.stream_endpoint import PATH, Endpoint, Loss, Trouble, read_endpoint
from receiver.channels.feishu.stream_pace import Pace, pause, told
from receiver.channels.feishu.stream_session import Session, StreamPorts, Wire
from receiver.channels.feishu.stream_wire import USER_AGENT
from receiver.channels.feishu.token import Account
from receiver.telemetry import attributes


class Stream:
    """Keeps one connection open: a fresh address for each, and patience between them."""

    def __init__(self, account: Account, ports: StreamPorts) -> None:
        self.account = account
        self._ports = ports
        self._stopping = asyncio.Event()
        self._stir = asyncio.Event()
        self._pace = Pace()
        self._tries = 0
        self.open = False  # whether there is a connection, and so answers to wait for

    def __repr__(self) -> str:
        return f"Stream({self.account.name!r})"

    async def run(self) -> None:
        """Be connected until stopped."""
        ports = self._ports
        while not self._stopping.is_set():
            trouble = await self._serve()
            if self._stopping.is_set():
                return
            ports.seen.lost(trouble.loss)
            await self._report(trouble)
            refused = trouble.loss is Loss.REFUSED
            seconds = pause(self._pace, self._tries, ports.share(), refused=refused)
            self._tries += 1
            self._stir.clear()
            if not self._stopping.is_set():
                await ports.sleep(self._stir, seconds)

    def hurry(self) -> None:
        """Try again at once, if it is waiting: what was wrong may be right now."""
        self._stir.set()

    def stop(self) -> None:
        """Answer what is under way, close, and connect no more."""
        self._stopping.set()
        self._stir.set()

    async def _serve(self) -> Trouble:
        """Connect, and serve until that ends; return why."""
        endpoint = await self._ask()
        if isinstance(endpoint, Trouble):
            return endpoint
        self._pace = told(endpoint.config, self._pace)
        opened = await self._ports.open(endpoint.url)
        if isinstance(opened, Trouble):
            return opened
        return await self._attend(opened, endpoint)

    async def _attend(self, wire: Wire, endpoint: Endpoint) -> Trouble:
        session = Session(wire, endpoint, self._pace, self._ports)
        self.open = True
        self._ports.seen.connected(True)
        self._ports.log.info("long connection open", app=self.account.name)
        try:
            loss = await session.run(self._stopping)
        finally:
            self.open = False
            self._ports.seen.connected(False)
        self._pace = session.pace
        if session.proved:
            self._tries = 0
        return Trouble(loss, "the connection ended" if loss is Loss.CLOSED else "no pong came")

    async def _ask(self) -> Endpoint | Trouble:
        account, ports = self.account, self._ports
        base = account.base_url.rstrip("/")
        url = base + PATH
        body = {"AppID": account.app_id, "AppSecret": account.app_secret}
        request = Request(
            method="POST",
            url=url,
            template=PATH,
            shown_url=url,
            body=msgspec.json.encode(body),
            headers={"locale": "zh", "User-Agent": USER_AGENT},
        )
        with ports.tracing.client_span("POST", PATH, url) as span:
            answer = await exchange(ports.http(), request, Timeouts().total)
            if isinstance(answer, Answer):
                span.set_attribute(attributes.HTTP_STATUS, answer.status)
                return read_endpoint(answer.status, answer.body, base)
            return Trouble(Loss.UNREACHABLE, explain(answer).detail)

    async def _report(self, trouble: Trouble) -> None:
        name = self.account.name
        facts = {"app": name, "why": trouble.loss.value, "detail": trouble.detail}
        if not trouble.cure:
            self._ports.log.warning("no long connection", **facts)
            return
        self._ports.log.error("no long connection", **facts, cure=trouble.cure)
        title = f"长连接未建立 / No long connection: {name}"
        text = f"{trouble.detail}\n{trouble.cure}"
        await self._ports.tell(title, text, f"stream:{name}:{trouble.detail}")
