"""What the checks work with: the clients that the receiver itself uses, and nobody's log."""

import io
from dataclasses import dataclass, field
from importlib.metadata import version

import httpx

from receiver.app import DISTRIBUTION, World
from receiver.channels.feishu.api import Api
from receiver.channels.feishu.attempt import Ports
from receiver.channels.feishu.http import Timeouts, build_client
from receiver.channels.feishu.token import Account
from receiver.config import Config, FeishuAppConfig
from receiver.telemetry.logs import LogFactory, build_logging
from receiver.telemetry.tracing import Tracing, build_tracing

# Seconds: somebody waits for each of them.
TIMEOUTS = Timeouts(connect=2.0, total=5.0)


def quiet() -> LogFactory:
    """Return logs that nobody reads: each check says itself what it saw."""
    return build_logging("critical", io.BytesIO())


@dataclass(slots=True, kw_only=True)
class Kit:
    """The configuration to look at, and the means; ``send`` allows a visible test message."""

    config: Config
    world: World
    send: bool
    tracing: Tracing = field(default_factory=lambda: build_tracing({}, version(DISTRIBUTION)))
    logs: LogFactory = field(default_factory=quiet)
    http: httpx.AsyncClient = field(default_factory=lambda: build_client(TIMEOUTS))
    skews: dict[str, float] = field(default_factory=dict)  # channel -> seconds we are ahead

    def ports(self) -> Ports:
        """Return what a channel's calls are made with."""
        return Ports(
            http=self.http,
            tracing=self.tracing,
            log=self.logs("doctor"),
            now=self.world.now,
            share=self.world.luck,
            timeouts=TIMEOUTS,
            observe_skew=self.skews.__setitem__,
        )

    def api(self, app: FeishuAppConfig) -> Api:
        """Return the API as one app may call it."""
        account = Account(
            name=app.name,
            base_url=app.base_url,
            app_id=app.app_id,
            app_secret=app.app_secret.reveal(),
        )
        return Api(account, self.ports(), _nobody)

    async def close(self) -> None:
        """Close what was opened."""
        await self.http.aclose()
        self.tracing.close()


def _nobody(app: str, success: bool, expires_at: int) -> None:
    """Take no notice of a token."""
