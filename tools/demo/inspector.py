"""The inspector of a service's servers: reads what HTTP does not show."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Self

import aio_pika
from aio_pika.abc import AbstractIncomingMessage, AbstractQueue

from tools.common.waiting import eventually_async
from tools.demo.api_client import StepError
from tools.servers.clients import TIMEOUT, connect_rabbitmq, postgres_connection, redis_client
from tools.servers.namespace import queue_names

_EVENT = "user.registered.v1"


class ServerInspector:
    """Reads the service's database, its keys in Redis, and a copy of every published event."""

    def __init__(self, settings: dict[str, str], worker_log: Path) -> None:
        """Take the service's settings; APP_NAME prefixes its names on the shared servers."""
        self._settings = settings
        self._name = settings["APP_NAME"]
        self._worker_log = worker_log
        self._copies: list[AbstractIncomingMessage] = []

    async def __aenter__(self) -> Self:
        """Connect to the three servers."""
        self._stack = AsyncExitStack()
        postgres = postgres_connection(self._settings)
        self._database = await self._stack.enter_async_context(postgres)
        self._redis = await self._stack.enter_async_context(redis_client(self._settings))
        rabbitmq = await self._stack.enter_async_context(await connect_rabbitmq(self._settings))
        self._channel = await rabbitmq.channel()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self._stack.aclose()

    async def listen(self) -> None:
        """Copy every event from now on, through a queue that ends with the connection."""
        exchange = await self._channel.get_exchange(f"{self._name}.events", ensure=True)
        queue: AbstractQueue = await self._channel.declare_queue(exclusive=True)
        await queue.bind(exchange, routing_key="#")

        async def keep(message: AbstractIncomingMessage) -> None:
            self._copies.append(message)

        await queue.consume(keep, no_ack=True)

    async def is_cached(self, user_id: str) -> bool:
        """Return whether Redis holds the user's entry."""
        return bool(await self._redis.exists(f"{self._name}:user:{user_id}"))

    @asynccontextmanager
    async def locked_tables(self) -> AsyncIterator[None]:
        """Lock both tables against reads for a `with` block."""
        async with self._database.transaction():
            await self._database.execute("LOCK TABLE users, sessions IN ACCESS EXCLUSIVE MODE")
            yield

    async def wait_for_notification(self, user_id: str) -> str:
        """Wait for the notification and for an empty outbox."""

        async def done() -> bool:
            notifications, _, waiting = await self.effects(user_id)
            return notifications > 0 and waiting == 0 and self._copy(user_id) is not None

        await eventually_async("the user has a notification and the outbox is empty", done)
        return self._event_id(user_id)

    async def redeliver(self, user_id: str) -> None:
        """Publish the copy to the worker's queue; wait until the worker logs the event again."""
        copy = self._copy(user_id)
        if copy is None:
            text = "no copy of the event was received"
            raise StepError(text)
        event_id = self._event_id(user_id)
        mentions = self._worker_log.read_text().count(event_id)
        message = aio_pika.Message(
            copy.body,
            content_type=copy.content_type,
            headers=copy.headers,
            correlation_id=copy.correlation_id,
            message_id=copy.message_id,
            type=copy.type,
        )
        queue = f"{self._name}.consume_worker"
        await self._channel.default_exchange.publish(message, queue, timeout=TIMEOUT)

        async def handled() -> bool:
            return self._worker_log.read_text().count(event_id) > mentions

        await eventually_async("the worker's log mentions the second delivery", handled)

    async def effects(self, user_id: str) -> tuple[int, int, int]:
        """Count the user's notifications, the event's inbox rows, and all waiting events."""
        copy = self._copy(user_id)
        row = await self._database.fetchrow(
            "SELECT (SELECT count(*) FROM notifications WHERE user_id = $1::text::uuid),"
            " (SELECT count(*) FROM processed_messages WHERE message_id = $2::text::uuid),"
            " (SELECT count(*) FROM outbox_messages)",
            user_id,
            copy.message_id if copy else None,
        )
        notifications, inbox, waiting = row or (0, 0, 0)
        return notifications, inbox, waiting

    async def wait_until_settled(self) -> list[str]:
        """Wait for an empty outbox and empty queues, that of dead letters included."""

        async def empty() -> bool:
            waiting = await self._database.fetchval("SELECT count(*) FROM outbox_messages")
            return waiting == 0 and await self._messages() == 0

        await eventually_async("the outbox and all queues are empty, dead letters too", empty)
        return sorted({str(copy.routing_key) for copy in self._copies})

    async def _messages(self) -> int:
        total = 0
        for name in queue_names(self._settings):
            queue = await self._channel.declare_queue(name, passive=True)
            total += queue.declaration_result.message_count or 0
        return total

    def _copy(self, user_id: str) -> AbstractIncomingMessage | None:
        events = (c for c in self._copies if c.routing_key == _EVENT)
        return next((c for c in events if user_id in json.dumps(json.loads(c.body))), None)

    def _event_id(self, user_id: str) -> str:
        copy = self._copy(user_id)
        return str(copy.message_id) if copy else ""
