"""Channels to the broker. Every wait is bounded."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from ssl import SSLContext

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.connection import make_url
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from src.usecases.errors import UnavailableError
from src.utils.attempts import RefusalLog
from src.utils.tls import explain

CONNECT_TIMEOUT_SECONDS = 3
PUBLISH_TIMEOUT_SECONDS = 5
CLOSE_TIMEOUT_SECONDS = 2
HEARTBEAT_SECONDS = 5
PROBE_SECONDS = 5
"""How often a consumer asks for an answer. It notices a silent connection in twice this time."""
MISSING_EXCHANGE = "Declare the exchange, and give RABBITMQ_USER the right to read it"
CHANGES = {
    "ACCESS_REFUSED - Login": "Correct RABBITMQ_USER and RABBITMQ_PASSWORD",
    "ACCESS_REFUSED": "Give RABBITMQ_USER the permissions in docs/deployment.md",
    "NOT_ALLOWED": "Correct RABBITMQ_VHOST, or give RABBITMQ_USER access to it",
    # aiormq's text when the broker ends the handshake.
    "got <Connection.Close": "Correct RABBITMQ_VHOST, or give RABBITMQ_USER access to it",
    "NOT_FOUND - no exchange": MISSING_EXCHANGE,
}
"""What to change when the broker refuses this service, by a part of its text. The first counts."""

# Errors are logged here. aiormq would log each attempt too.
logging.getLogger("aiormq.connection").setLevel(logging.CRITICAL)


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
    refusals: RefusalLog = field(default_factory=partial(RefusalLog, "rabbitmq"), init=False)

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
                await connection.close()  # after a timeout: closed for aio-pika too
        except CONNECTION_EXCEPTIONS as error:
            text = f"{type(error).__name__}: {error}"
            changes = [change for part, change in CHANGES.items() if part in text]
            change = explain(error, "RABBITMQ") or next(iter(changes), None)
            if change is None:
                raise UnavailableError(text) from error
            self.refusals.refused(f"{change} ({text})")
            raise UnavailableError(f"{change} ({text})", "refused") from error

    @asynccontextmanager
    async def channel(self, name: str) -> AsyncIterator[AbstractChannel]:
        """Open a channel on a connection of its own."""
        async with self.connect(name) as connection:
            yield await open_channel(connection)

    async def _connect(self, name: str) -> AbstractConnection:
        url = make_url(
            host=self.host,
            port=self.port,
            login=self.user,
            password=self.password,
            virtualhost=self.vhost,
            ssl=self.tls is not None,
            heartbeat=HEARTBEAT_SECONDS,
        )
        connection = aio_pika.Connection(
            url, ssl_context=self.tls, client_properties={"connection_name": name}
        )
        try:
            await connection.connect()
        except BaseException:
            await connection.close()  # else aio-pika closes it when it is collected as garbage
            raise
        return connection
