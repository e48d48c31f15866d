"""The scenario's exchange and queues, seen from outside the service."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import aio_pika

from tools.namespace import connect_rabbitmq

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, HeadersType

    from tests.resilience.rig import Rig

T = TypeVar("T")

QUORUM: HeadersType = {"x-queue-type": "quorum"}


def watch(rig: Rig) -> None:
    """Keep a copy of every event that is published from now on, in a queue of the checker's."""

    async def declare(channel: AbstractChannel) -> None:
        exchange = await channel.declare_exchange(
            f"{rig.name}.events", aio_pika.ExchangeType.TOPIC, durable=True
        )
        queue = await channel.declare_queue(f"{rig.name}.tap", durable=True, arguments=QUORUM)
        await queue.bind(exchange, "user.#")

    asyncio.run(_with_channel(rig, declare))


def announced(rig: Rig) -> set[str]:
    """Take the copies, and return the users that they are about."""
    copies = take(rig, f"{rig.name}.tap")
    return {json.loads(copy.body)["data"]["user_id"] for copy in copies}


def dead(rig: Rig) -> list[AbstractIncomingMessage]:
    """Take all dead letters."""
    return take(rig, f"{rig.name}.consume_worker.dead")


def take(rig: Rig, name: str) -> list[AbstractIncomingMessage]:
    """Take all messages out of a queue."""

    async def get(channel: AbstractChannel) -> list[AbstractIncomingMessage]:
        queue = await channel.get_queue(name)
        found = []
        while message := await queue.get(no_ack=True, fail=False):
            found.append(message)
        return found

    return asyncio.run(_with_channel(rig, get))


def length(rig: Rig, name: str) -> int:
    """Count the messages that wait in a queue."""

    async def look(channel: AbstractChannel) -> int:
        queue = await channel.declare_queue(name, passive=True)
        return queue.declaration_result.message_count or 0

    return asyncio.run(_with_channel(rig, look))


def event(event_type: str, **data: object) -> dict[str, Any]:
    """Make an event as another service would."""
    return {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "tests",
        "type": event_type,
        "data": data,
    }


def publish(rig: Rig, *events: dict[str, Any] | bytes) -> None:
    """Publish events, or bare bytes to the worker's queue, each confirmed."""

    async def send(channel: AbstractChannel) -> None:
        exchange = await channel.get_exchange(f"{rig.name}.events", ensure=False)
        for it in events:
            if isinstance(it, bytes):
                message = aio_pika.Message(it, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                await channel.default_exchange.publish(message, f"{rig.name}.consume_worker")
            else:
                await exchange.publish(_to_message(it), it["type"])

    asyncio.run(_with_channel(rig, send))


def publish_copies(rig: Rig, events: Sequence[dict[str, Any]], copies: int) -> None:
    """Publish each event several times, all at once."""

    async def send(channel: AbstractChannel) -> None:
        exchange = await channel.get_exchange(f"{rig.name}.events", ensure=False)
        for it in events:
            sending = (exchange.publish(_to_message(it), it["type"]) for _ in range(copies))
            await asyncio.gather(*sending)

    asyncio.run(_with_channel(rig, send))


def _to_message(it: dict[str, Any]) -> aio_pika.Message:
    return aio_pika.Message(
        json.dumps(it).encode(),
        message_id=it["id"],
        type=it["type"],
        content_type="application/cloudevents+json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )


async def _with_channel(rig: Rig, do: Callable[[AbstractChannel], Awaitable[T]]) -> T:
    connection = await connect_rabbitmq(rig.settings)
    async with connection:
        return await do(await connection.channel(on_return_raises=True))
