"""The outbox's reader, and a relay from it to the queues of one test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Row
from structlog.testing import capture_logs
from structlog.typing import EventDict

from src.repositories.outbox.notify import OutboxListener
from src.repositories.outbox.reader import OutboxReader
from src.repositories.postgres.engine import Database
from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.repositories.rabbitmq.declarer import Declarer
from src.repositories.rabbitmq.relay import OutboxRelay
from src.repositories.rabbitmq.topology import Topology
from tests.machinery.support.outbox import rows
from tests.support.network import Proxy
from tests.support.waiting import eventually

UNROUTED = "machinery.unrouted.v1"
Relaying = Callable[[], AbstractAsyncContextManager[OutboxListener]]


@pytest.fixture
def relaying(
    database: Database, broker: RabbitMQBroker, topology: Topology, proxy: Proxy
) -> Relaying:
    """Run a relay on a connection that a test can break. It stops when the context is left."""

    @asynccontextmanager
    async def run() -> AsyncIterator[OutboxListener]:
        listener = OutboxListener(database)
        stop = asyncio.Event()
        running = OutboxRelay(
            outbox=OutboxReader(database=database),
            listener=listener,
            broker=replace(broker, host="127.0.0.1", port=proxy.port),
            declarer=Declarer(topology=topology),
        )
        task = asyncio.create_task(running.run(stop))
        try:
            yield listener
        finally:
            stop.set()
            listener.wake()
            await asyncio.wait_for(task, 20)
            await listener.aclose()

    return run


@pytest.fixture
def outbox(database: Database) -> OutboxReader:
    """The reader of the run's outbox."""
    return OutboxReader(database=database)


@pytest.fixture
def log_lines() -> Iterator[list[EventDict]]:
    """The lines that are logged."""
    with capture_logs() as lines:
        yield lines


async def failed(database: Database) -> Row[Any]:
    """Wait until an attempt to publish an event has failed, and return its row."""

    async def find() -> list[Row[Any]]:
        return [row for row in await rows(database) if row.attempts]

    return (await eventually(find))[0]
