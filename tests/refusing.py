"""A server that refuses whoever shows no certificate, as TLS 1.3 does: after the handshake."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.alertmanager.certificates import Authority


def _contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = Authority(folder)
    pair = authority.sign("server")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.ca))
    server.load_cert_chain(pair.cert, pair.key)
    server.verify_mode = ssl.CERT_REQUIRED
    server.minimum_version = ssl.TLSVersion.TLSv1_3
    return server, ssl.create_default_context(cafile=str(authority.ca))


@asynccontextmanager
async def refusing(folder: Path) -> AsyncIterator[tuple[str, ssl.SSLContext]]:
    """Serve; yield the URL, and what trusts the server without a certificate of its own.

    It must be asked once.
    """
    ours, theirs = await asyncio.to_thread(_contexts, folder)
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # asyncio's own server would close the connection before the refusal is sent.
        sent, to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls, open_ = ours.wrap_bio(sent, to_send, server_side=True), True
        while open_ and (heard := await reader.read(1 << 16)):
            sent.write(heard)
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                open_ = False
            writer.write(to_send.read())
            await writer.drain()
        await reader.read()
        writer.close()
        over.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}", theirs
        await over.wait()
