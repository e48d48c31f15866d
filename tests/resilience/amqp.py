"""Access to the scenario's exchange and queues from outside the service."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import aio_pika

from tools.servers.clients import connect_rabbitmq

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, HeadersType

    from tests.resilience.runner import Runner

T = TypeVar("T")

QUORUM: HeadersType = {"x-queue-type": "quorum"}


def watch(runner: Runner) -> None:
    """Copy every event that is published from now on into a queue of the checker."""

    async def declare(channel: AbstractChannel) -> None:
        exchange = await channel.declare_exchange(
            f"{runner.name}.events", aio_pika.ExchangeType.TOPIC, durable=True
        )
        queue = await channel.declare_queue(f"{runner.name}.copies", durable=True, arguments=QUORUM)
        await queue.bind(exchange, "user.#")

    asyncio.run(_with_channel(runner, declare))


def published_users(runner: Runner) -> set[str]:
    """Take the copies and return the ids of their users."""
    copies = take(runner, f"{runner.name}.copies")
    return {json.loads(copy.body)["data"]["user_id"] for copy in copies}


def dead_letters(runner: Runner) -> list[AbstractIncomingMessage]:
    """Take all dead letters."""
    return take(runner, f"{runner.name}.consume_worker.dead")


def take(runner: Runner, name: str) -> list[AbstractIncomingMessage]:
    """Take all messages out of a queue."""

    async def get(channel: AbstractChannel) -> list[AbstractIncomingMessage]:
        queue = await channel.get_queue(name)
        found = []
        while message := await queue.get(no_ack=True, fail=False):
            found.append(message)
        return found

    return asyncio.run(_with_channel(runner, get))


def length(runner: Runner, name: str) -> int:
    """Return the number of messages in a queue."""

    async def look(channel: AbstractChannel) -> int:
        queue = await channel.declare_queue(name, passive=True)
        return queue.declaration_result.message_count or 0

    return asyncio.run(_with_channel(runner, look))


def event(event_type: str, **data: object) -> dict[str, Any]:
    """Return an event as another service publishes it."""
    return {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "tests",
        "type": event_type,
        "data": data,
    }


def publish(runner: Runner, *events: dict[str, Any] | bytes) -> None:
    """Publish events to the exchange, and bare bytes to the worker's queue, with confirms."""

    async def send(channel: AbstractChannel) -> None:
        exchange = await channel.get_exchange(f"{runner.name}.events", ensure=False)
        for it in events:
            if isinstance(it, bytes):
                message = aio_pika.Message(it, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                await channel.default_exchange.publish(message, f"{runner.name}.consume_worker")
            else:
                await exchange.publish(to_message(it), it["type"])

    asyncio.run(_with_channel(runner, send))


def publish_copies(runner: Runner, events: Sequence[dict[str, Any]], copies: int) -> None:
    """Publish several copies of each event at once."""

    async def send(channel: AbstractChannel) -> None:
        exchange = await channel.get_exchange(f"{runner.name}.events", ensure=False)
        for it in events:
            sending = (exchange.publish(to_message(it), it["type"]) for _ in range(copies))
            await asyncio.gather(*sending)

    asyncio.run(_with_channel(runner, send))


def to_message(it: dict[str, Any]) -> aio_pika.Message:
    return aio_pika.Message(
        json.dumps(it).encode(),
        message_id=it["id"],
        type=it["type"],
        content_type="application/cloudevents+json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )


async def _with_channel(runner: Runner, do: Callable[[AbstractChannel], Awaitable[T]]) -> T:
    connection = await connect_rabbitmq(runner.settings)
    async with connection:
        return await do(await connection.channel(on_return_raises=True))
