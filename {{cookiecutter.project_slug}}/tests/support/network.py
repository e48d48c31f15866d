"""Network faults on command, so that no test stops a server that other tests use."""

import asyncio
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


def closed_port() -> int:
    """Return a port of this machine on which no process listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Proxy:
    """Forwards TCP connections to a server, and fails on command."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._writers: set[StreamWriter] = set()
        self._pipes: dict[asyncio.Task[None], bool] = {}  # whether it carries answers
        self._muted: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._accepts = True
        self.port = 0
        self.connections = 0
        """The number of connections opened so far."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Proxy"]:
        """Listen while the context is open."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            for pipe in self._pipes:
                pipe.cancel()
            await asyncio.gather(*self._pipes, return_exceptions=True)

    def cut(self) -> None:
        """Break every open connection."""
        for writer in self._writers:
            writer.transport.abort()

    def refuse(self) -> None:
        """Break every open connection, and every new one immediately."""
        self._accepts = False
        self.cut()

    def accept(self) -> None:
        """Accept new connections again, and forward held data."""
        self._accepts = True
        self._flowing.set()

    def hang(self) -> None:
        """Keep connections open, but forward no data."""
        self._flowing.clear()

    def mute(self, *, answers_only: bool = False) -> None:
        """Keep the open connections, and drop all their data from now on. New ones work.

        No side notices it, as when a firewall forgets a connection.
        """
        self._muted |= {
            pipe for pipe, answers in self._pipes.items() if answers or not answers_only
        }

    def flow(self) -> None:
        """Forward data again."""
        self._flowing.set()

    async def _connected(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.connections += 1
        if not self._accepts:
            writer.transport.abort()
            return
        upstream_reader, upstream_writer = await asyncio.open_connection(*self._target)
        for source, sink in ((reader, upstream_writer), (upstream_reader, writer)):
            self._writers.add(sink)
            pipe = asyncio.create_task(self._forward(source, sink))
            self._pipes[pipe] = sink is writer
            pipe.add_done_callback(self._pipes.pop)

    async def _forward(self, source: StreamReader, sink: StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                await self._flowing.wait()
                if asyncio.current_task() not in self._muted:
                    sink.write(data)
                    await sink.drain()
        if asyncio.current_task() in self._muted:
            return  # the other side does not learn that this one has closed
        sink.close()
        self._writers.discard(sink)


@asynccontextmanager
async def refusing_postgres(sqlstate: str) -> AsyncIterator[int]:
    """Run a server that refuses every client with this SQLSTATE. Returns its port."""
    fields = f"SFATAL\0C{sqlstate}\0Mrefused\0\0".encode()

    async def refuse(reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            length = int.from_bytes(await reader.readexactly(4))
            request = await reader.readexactly(length - 4)
            if request == (80877103).to_bytes(4):  # the client asks for TLS first
                writer.write(b"N")
                length = int.from_bytes(await reader.readexactly(4))
                await reader.readexactly(length - 4)
            writer.write(b"E" + (len(fields) + 4).to_bytes(4) + fields)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
