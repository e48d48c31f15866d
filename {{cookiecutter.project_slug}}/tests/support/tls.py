"""Encryption in front of servers that may have none: it ends here, and plain bytes go on."""

import asyncio
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trustme

SSL_REQUEST_BYTES = 8
"""How PostgreSQL's clients ask for encryption, before it begins; the others begin at once."""


def certificate(authority: trustme.CA, name: str) -> ssl.SSLContext:
    """Return what a server of that name shows."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


async def _pass_on(reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def encrypted(
    host: str, port: int, context: ssl.SSLContext, *, on_request: bool
) -> AsyncIterator[int]:
    """Have a port of this machine that is the server's, encrypted."""

    async def connected(reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            if on_request:
                await reader.readexactly(SSL_REQUEST_BYTES)
                writer.write(b"S")
                await writer.drain()
            await writer.start_tls(context)
            from_server, to_server = await asyncio.open_connection(host, port)
            await asyncio.gather(_pass_on(reader, to_server), _pass_on(from_server, writer))
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
