"""Channels to the broker. Every wait is bounded."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ssl import SSLContext

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from src.usecases.errors import ServerState, UnavailableError

CONNECT_TIMEOUT_SECONDS = 3
PUBLISH_TIMEOUT_SECONDS = 5
CLOSE_TIMEOUT_SECONDS = 2
HEARTBEAT_SECONDS = 5
PROBE_SECONDS = 5
"""How often a consumer asks for an answer. It notices a silent connection in twice this time."""
# The last one is aio-pika's text when the broker ends the handshake: the vhost is not there.
REFUSALS = ("AuthenticationError", "ACCESS_REFUSED", "NOT_ALLOWED", "got <Connection.Close")


async def until_silent(channel: AbstractChannel, prefetch_count: int) -> None:
    """Return when the broker no longer answers. aio-pika waits for more than three heartbeats."""
    with suppress(*CONNECTION_EXCEPTIONS):
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            async with asyncio.timeout(PROBE_SECONDS):
                await channel.set_qos(prefetch_count=prefetch_count)  # a request without an effect


async def open_channel(connection: AbstractConnection) -> AbstractChannel:
    """Open a channel. Its publishes raise unless the broker routed and stored the message."""
    async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
        return await connection.channel(publisher_confirms=True, on_return_raises=True)


@dataclass(frozen=True, kw_only=True)
class RabbitMQBroker:
    """The broker's address, from which channels are opened."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    vhost: str
    tls: SSLContext | None = None

    @asynccontextmanager
    async def connect(self, name: str) -> AsyncIterator[AbstractConnection]:
        """Open a connection, which the broker lists as `name`.

        A lost connection does not reconnect: open another one. Inside the context, connection
        errors of aio-pika become `UnavailableError`.
        """
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                connection = await self._connect(name)
            try:
                yield connection
            finally:
                with suppress(*CONNECTION_EXCEPTIONS):
                    async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                        await connection.close()
        except CONNECTION_EXCEPTIONS as error:
            text = f"{type(error).__name__}: {error}"
            is_refused = any(word in text for word in REFUSALS)
            state: ServerState = "refused" if is_refused else "unavailable"
            raise UnavailableError(text, state) from error

    @asynccontextmanager
    async def channel(self, name: str) -> AsyncIterator[AbstractChannel]:
        """Open a channel on a connection of its own."""
        async with self.connect(name) as connection:
            yield await open_channel(connection)

    async def check(self) -> None:
        """Return if the broker answers, else raise `UnavailableError`."""
        async with self.channel("health check"):
            pass

    async def _connect(self, name: str) -> AbstractConnection:
        return await aio_pika.connect(
            host=self.host,
            port=self.port,
            login=self.user,
            password=self.password,
            virtualhost=self.vhost,
            ssl=self.tls is not None,
            ssl_context=self.tls,
            heartbeat=HEARTBEAT_SECONDS,
            client_properties={"connection_name": name},
        )
