"""A broker that does not answer: each case raises `UnavailableError` after a bounded wait."""

import asyncio
from dataclasses import replace

import pytest

from src.repositories.rabbitmq import connection
from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.usecases.errors import UnavailableError
from tests.support.network import Proxy, closed_port

# An unbounded wait takes much longer: a heartbeat, or for ever.
BOUND_SECONDS = 8


async def connect(broker: RabbitMQBroker) -> None:
    """Open a channel and close it."""
    async with broker.channel("tests"):
        pass


async def test_a_broker_that_cannot_be_reached_is_unavailable(broker: RabbitMQBroker) -> None:
    closed = replace(broker, host="127.0.0.1", port=closed_port())
    with pytest.raises(UnavailableError) as error:
        await connect(closed)
    assert error.value.state == "unavailable"


async def test_a_broker_that_hangs_is_unavailable_after_a_bounded_wait(
    broker: RabbitMQBroker, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT_SECONDS", 0.3)
    proxy.hang()
    with pytest.raises(UnavailableError):
        async with asyncio.timeout(BOUND_SECONDS):
            await connect(replace(broker, host="127.0.0.1", port=proxy.port))


async def test_closing_a_connection_to_a_broker_that_hangs_takes_a_bounded_time(
    broker: RabbitMQBroker, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CLOSE_TIMEOUT_SECONDS", 0.3)
    async with (
        asyncio.timeout(BOUND_SECONDS),
        replace(broker, host="127.0.0.1", port=proxy.port).channel("tests"),
    ):
        proxy.hang()
    proxy.cut()
