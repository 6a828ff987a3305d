"""Callbacks that nobody may send, a million of them: all refused, each at once, nothing changed."""

import hashlib
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import msgspec

from receiver.sandbox.callbacks import Courier
from receiver.sandbox.clicks import callback_body
from receiver.sandbox.crypto import encrypt, signature
from receiver.sandbox.preset import APP_ID, ENCRYPT_KEY
from receiver.sandbox.server import Sandbox
from tests.bench.bodies import post
from tests.bench.clicks import values_in, written
from tests.bench.load import answered, press
from tests.bench.service import Service, service
from tests.bench.stand import chat_routes, labels, platform, until

TOTAL = 1_000_000
CONNECTIONS = 16
CARDS = 20
SLOW = 0.050  # seconds
SEED = 20_261_121
HOUR = 3_600
TOO_LARGE = 1_100_000  # bytes; one in a thousand, for they fill the wire
PATIENCE = 60.0

Json = dict[str, Any]


async def run(scale: float) -> None:
    """Print, for each kind of forgery, how it was answered and how long that took."""
    total = round(TOTAL * scale)
    print(f"\nforged callbacks: {total} over {CONNECTIONS} connections, all kinds mixed")
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        async with (
            platform() as sandbox,
            service(
                Path(folder), feishu=sandbox.platform_url, keys={"routes": chat_routes()}
            ) as running,
        ):
            await press(running.port, (post(n, labels=labels(n)) for n in range(CARDS)), 4)
            messages = sandbox.state.tenant.messages
            await until(lambda: len(messages) >= CARDS, PATIENCE)
            await running.quiet()
            before = await _state(running)
            started = time.perf_counter()
            forgeries = Forgeries(sandbox, running.port)
            statuses, took = await answered(
                running.port, islice(forgeries.all(), total), CONNECTIONS
            )
            seconds = time.perf_counter() - started
            after = await _state(running)
    took.sort()
    slow = sum(one > SLOW for one in took)
    said = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
    print(f"answered {said} at {total / seconds:.0f} a second")
    print(
        f"p50 {took[len(took) // 2] * 1e3:.1f} ms, p99 {took[len(took) * 99 // 100] * 1e3:.1f} ms,"
        f" worst {took[-1] * 1e3:.1f} ms, {slow} slower than {SLOW * 1e3:.0f} ms;"
        f" what the store holds is {'the same' if before == after else 'CHANGED'}",
        flush=True,
    )


async def _state(running: Service) -> str:
    """Return a digest of all that clicks could change."""
    base = f"http://127.0.0.1:{running.ops_port}/api/v1"
    found = hashlib.blake2b()
    async with httpx.AsyncClient() as http:
        listed = (await http.get(f"{base}/incidents", params={"limit": 200})).json()
        for incident in listed["incidents"]:
            found.update((await http.get(f"{base}/incidents/{incident['id']}")).content)
    return found.hexdigest()


class Forgeries:
    """Requests that look like the platform's, each wrong in one way."""

    def __init__(self, sandbox: Sandbox, port: int) -> None:
        tenant = sandbox.state.tenant
        self._chance = random.Random(SEED)  # noqa: S311  (chance that can be repeated)
        self._now = tenant.clock.now
        self._app = tenant.apps[APP_ID]
        self._app.callback_url = f"http://127.0.0.1:{port}/callbacks/feishu/ops"
        self._courier = Courier(tenant)
        message = next(iter(tenant.messages.values()))
        user = next(iter(tenant.users.values()))
        document = callback_body(tenant, self._app, user, message)
        value = next(values_in(message.content))
        document["event"] |= {"token": "c-bench", "action": {"tag": "button", "value": value}}
        self._plain = msgspec.json.encode(document)
        iv = self._chance.randbytes(16)
        self._sealed = msgspec.json.encode({"encrypt": encrypt(self._plain, ENCRYPT_KEY, iv)})

    def all(self) -> Iterator[bytes]:
        """Yield one forgery after the other, of kinds chosen by chance."""
        kinds: tuple[Callable[[], bytes], ...] = (
            self._unsigned,
            self._wrong_signature,
            self._stale,
            self._other_key,
            self._truncated,
            self._flipped,
            self._noise,
        )
        while True:
            yield self._too_large() if self._chance.random() < 0.001 else self._pick(kinds)

    def _pick(self, kinds: tuple[Callable[[], bytes], ...]) -> bytes:
        return kinds[self._chance.randrange(len(kinds))]()

    def _post(self, body: bytes, *shown: str) -> bytes:
        names = ("X-Lark-Request-Timestamp", "X-Lark-Request-Nonce", "X-Lark-Signature")
        headers = dict(zip(names, shown, strict=False))
        url = self._app.callback_url
        return written(httpx.Request("POST", url, content=body, headers=headers))

    def _signed(self, body: bytes, key: str, at: int) -> bytes:
        nonce = str(self._chance.getrandbits(64))
        return self._post(body, str(at), nonce, signature(str(at), nonce, key, body))

    def _seconds(self) -> int:
        return self._now() // 1_000

    def _unsigned(self) -> bytes:
        return self._post(self._chance.choice((self._plain, self._sealed)))

    def _wrong_signature(self) -> bytes:
        shown = f"{self._chance.getrandbits(256):064x}"
        return self._post(self._sealed, str(self._seconds()), "nonce", shown)

    def _stale(self) -> bytes:
        at = self._seconds() + self._chance.choice((-1, 1)) * self._chance.randrange(
            HOUR + 60, 10**7
        )
        return self._signed(self._sealed, ENCRYPT_KEY, at)

    def _other_key(self) -> bytes:
        iv = self._chance.randbytes(16)
        body = msgspec.json.encode({"encrypt": encrypt(self._plain, "another key", iv)})
        key = self._chance.choice((ENCRYPT_KEY, "another key"))
        return self._signed(body, key, self._seconds())

    def _truncated(self) -> bytes:
        short = self._sealed[: self._chance.randrange(len(self._sealed))]
        return self._signed(short, ENCRYPT_KEY, self._seconds())

    def _flipped(self) -> bytes:
        body = bytearray(self._sealed)
        body[self._chance.randrange(len(body))] ^= 1 << self._chance.randrange(8)
        at = str(self._seconds())
        return self._post(bytes(body), at, "n", signature(at, "n", ENCRYPT_KEY, self._sealed))

    def _noise(self) -> bytes:
        body = self._chance.randbytes(self._chance.randrange(2_000))
        return self._signed(body, ENCRYPT_KEY, self._seconds())

    def _too_large(self) -> bytes:
        return self._signed(b"{" * TOO_LARGE, ENCRYPT_KEY, self._seconds())
