"""The worker's queue of a side: filled, emptied, and counted."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelInvalidStateError, ChannelNotFoundEntity

from bench.accounts import Accounts
from bench.side import Side
from tools.servers.clients import connect_rabbitmq
from tools.servers.namespace import queue_names

IN_FLIGHT = 250
MISSING = (ChannelNotFoundEntity, ChannelInvalidStateError)
GARBAGE = b"\xff\x00garbage"


@asynccontextmanager
async def open_channel(side: Side) -> AsyncIterator[AbstractChannel]:
    """Yield a channel with publisher confirms."""
    async with await connect_rabbitmq(side.settings) as connection:
        yield await connection.channel()


async def empty(side: Side) -> None:
    """Purge every queue."""
    async with open_channel(side) as channel:
        for name in queue_names(side.settings):
            await (await channel.get_queue(name)).purge()


async def fill(accounts: Accounts, events: int, poison: int = 0) -> None:
    """Publish events to the worker's queue, and poison messages evenly among them.

    Half of the poison messages are no events at all. The others name the nil UUID as their user,
    on which the handler raises: see `RAISE` in bench/messages.py.
    """
    await empty(accounts.side)
    bodies = [_event(accounts, str(uuid4())) for _ in range(events)]
    for number in range(poison):
        bad = (_event(accounts, f"{'0' * 8}-0000-0000-0000-{'0' * 12}"), GARBAGE)[number % 2]
        bodies.insert(number * (events // poison), bad)
    async with open_channel(accounts.side) as channel:
        exchange = await channel.get_exchange(f"{accounts.side.settings['APP_NAME']}.events")
        remaining = iter(bodies)
        while batch := list(islice(remaining, IN_FLIGHT)):
            messages = [_message(accounts.event_type, body) for body in batch]
            await asyncio.gather(
                *(exchange.publish(message, accounts.event_type) for message in messages)
            )


def _event(accounts: Accounts, user: str) -> bytes:
    data: dict[str, Any] = {**accounts.envelope["data"], "user_id": user}
    return json.dumps({**accounts.envelope, "id": str(uuid4()), "data": data}).encode()


def _message(event_type: str, body: bytes) -> aio_pika.Message:
    return aio_pika.Message(
        body,
        message_id=str(uuid4()),
        type=event_type,
        content_type="application/cloudevents+json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )


async def depth(channel: AbstractChannel, side: Side) -> int:
    """Return how many messages wait in the worker's queue."""
    queue = await channel.declare_queue(queue_names(side.settings)[0], passive=True)
    return queue.declaration_result.message_count or 0
