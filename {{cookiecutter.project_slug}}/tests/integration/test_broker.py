"""A broker that does not answer, in all the ways it can."""

import time
from dataclasses import replace

import pytest

from src.repositories.rabbitmq import connection
from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.usecases.ports.messaging import UnavailableError
from tests.support.network import Proxy, closed_port


async def test_a_broker_that_cannot_be_reached_is_unavailable_at_once(
    broker: RabbitMQBroker,
) -> None:
    nowhere = replace(broker, host="127.0.0.1", port=closed_port())
    started = time.monotonic()
    with pytest.raises(UnavailableError):
        await nowhere.check()
    assert time.monotonic() - started < 1


async def test_a_broker_that_hangs_is_unavailable_after_a_bounded_wait(
    broker: RabbitMQBroker, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT_SECONDS", 0.3)
    proxy.hang()
    started = time.monotonic()
    with pytest.raises(UnavailableError):
        await replace(broker, host="127.0.0.1", port=proxy.port).check()
    assert time.monotonic() - started < 1


async def test_a_broker_that_hangs_later_is_left_after_a_bounded_wait(
    broker: RabbitMQBroker, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CLOSE_TIMEOUT_SECONDS", 0.3)
    async with replace(broker, host="127.0.0.1", port=proxy.port).channel("tests"):
        proxy.hang()
        started = time.monotonic()
    assert time.monotonic() - started < 1
    proxy.cut()


async def test_a_broker_that_refuses_the_password_is_unavailable(broker: RabbitMQBroker) -> None:
    with pytest.raises(UnavailableError):
        await replace(broker, password="not-the-password").check()
