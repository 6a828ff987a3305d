"""A closed-loop HTTP load on raw connections, light enough to share two cores with a server."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from statistics import median

OK = (200, 202)


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: answers a second, and latencies in ms."""

    rate: float
    p50: float
    p99: float
    failed: int


class _Client(asyncio.Protocol):
    """One connection: sends the next request as soon as the last is answered."""

    def __init__(self, requests: Iterator[bytes], done: Callable[[float, bytes], None]) -> None:
        self._requests = requests
        self._done = done
        self._sent_at = 0.0
        self._buffer = b""
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        start = self._buffer.lower().find(b"content-length:")
        length = int(self._buffer[start + 15 : self._buffer.find(b"\r\n", start)])
        if len(self._buffer) < head + 4 + length:
            return
        self._done(time.perf_counter() - self._sent_at, self._buffer[:12])
        self._buffer = b""
        self._next()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)  # type: ignore[attr-defined]


def request_bytes(path: str, body: bytes, token: str) -> bytes:
    """Return a whole POST as Alertmanager would write it."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nUser-Agent: Alertmanager/0.33.1\r\n"
        f"Content-Length: {len(body)}\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\n\r\n"
    )
    return head.encode() + body


async def paced(total: int, a_second: float) -> AsyncIterator[int]:
    """Yield numbers at a steady rate, however long is done with each."""
    started = time.perf_counter()
    for number in range(total):
        await asyncio.sleep(started + number / a_second - time.perf_counter())
        yield number


async def press(port: int, requests: Iterator[bytes], connections: int) -> Measured:
    """Send all requests over so many connections, each waiting for its answer."""
    started = time.perf_counter()
    said, latencies = await answered(port, requests, connections)
    took = time.perf_counter() - started
    latencies.sort()
    p99 = latencies[min(int(len(latencies) * 0.99), len(latencies) - 1)]
    failed = len(latencies) - sum(said[status] for status in OK)
    return Measured(len(latencies) / took, median(latencies) * 1000, p99 * 1000, failed)


async def answered(
    port: int, requests: Iterator[bytes], connections: int
) -> tuple[Counter[int], list[float]]:
    """Send all requests; return how often each status was answered, and the seconds it took."""
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    said: Counter[int] = Counter()

    def done(seconds: float, line: bytes) -> None:
        latencies.append(seconds)
        said[int(line.split()[1])] += 1

    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(lambda: _Client(requests, done), "127.0.0.1", port)
        clients.append(client)
    await asyncio.gather(*(client.ended for client in clients))
    return said, latencies
