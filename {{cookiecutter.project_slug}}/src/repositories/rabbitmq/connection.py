"""Connections to the broker, all opened the same way and with every wait bounded."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ssl import SSLContext

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from src.usecases.ports.publishing import BrokerUnavailableError

CONNECT_TIMEOUT_SECONDS = 3
PUBLISH_TIMEOUT_SECONDS = 5
CLOSE_TIMEOUT_SECONDS = 2
HEARTBEAT_SECONDS = 10

BROKER_ERRORS = CONNECTION_EXCEPTIONS
"""What aio-pika raises when a connection is refused, lost, timed out or already closed."""


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn aio-pika's many ways to say "no answer" into `BrokerUnavailableError`."""
    try:
        yield
    except BROKER_ERRORS as error:
        raise BrokerUnavailableError(f"{type(error).__name__}: {error}") from error


@dataclass(frozen=True)
class RabbitMQBroker:
    """Where the broker is."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    vhost: str
    tls: SSLContext | None = None

    async def connect(self, name: str) -> AbstractConnection:
        """Return an open connection that the broker lists as `name`.

        It does not mend itself: who owns it opens another, which is easier to reason about than one
        that changes underneath. Raises `BrokerUnavailableError`.
        """
        with translated_errors():
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
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

    async def check(self) -> None:
        """Return if the broker answers, else raise `BrokerUnavailableError`."""
        await close(await self.connect("health check"))


async def confirmed_channel(connection: AbstractConnection) -> AbstractChannel:
    """Return a channel whose publishes raise unless the broker routed and stored the message."""
    return await connection.channel(publisher_confirms=True, on_return_raises=True)


async def close(connection: AbstractConnection) -> None:
    """Close without waiting long for a broker that does not answer."""
    with suppress(*BROKER_ERRORS):
        async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
            await connection.close()
