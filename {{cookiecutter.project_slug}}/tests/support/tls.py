"""A TLS proxy in front of servers that may have no encryption."""

import asyncio
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trustme

SSL_REQUEST_BYTES = 8
"""The size of the message with which a PostgreSQL client requests TLS."""


def certificate(authority: trustme.CA, name: str) -> ssl.SSLContext:
    """Return the TLS context of a server with that name."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


async def _forward(reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def encrypted(
    host: str, port: int, context: ssl.SSLContext, *, on_request: bool
) -> AsyncIterator[int]:
    """Run a TLS proxy of a server. Returns its port.

    With `on_request`, the client first sends a request for TLS, as PostgreSQL's clients do.
    """

    async def connected(reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            if on_request:
                await reader.readexactly(SSL_REQUEST_BYTES)
                writer.write(b"S")
                await writer.drain()
            await writer.start_tls(context)
            from_server, to_server = await asyncio.open_connection(host, port)
            await asyncio.gather(_forward(reader, to_server), _forward(from_server, writer))
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
