"""The queue of messages in RabbitMQ, for the tests that both kinds of messaging share."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import orjson
from aio_pika.abc import HeadersType

from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.repositories.rabbitmq.consumer import RabbitMQConsumer
from src.repositories.rabbitmq.dead_letters import RabbitMQDeadLetters
from src.repositories.rabbitmq.declarer import Declarer
from src.usecases.ports.messaging import DeadLetter, DeadLetters, MessageHandler
from src.utils.settings import Settings
from src.wiring.messaging_rabbitmq import RabbitMQSettings
from tests.machinery.rabbitmq.amqp import Queues
from tests.machinery.support.messages import MessageQueue, Running
from tests.support.network import Proxy


@dataclass(kw_only=True)
class RabbitMQQueue(MessageQueue):
    """The queues of one topology."""

    broker: RabbitMQBroker
    queues: Queues
    proxy: Proxy

    def __post_init__(self) -> None:
        self.dead_letters: DeadLetters = RabbitMQDeadLetters(
            broker=self.broker, declarer=Declarer(topology=self.queues.topology)
        )

    async def send_envelope(self, envelope: dict[str, Any]) -> str:
        return await self.queues.send(
            orjson.dumps(envelope),
            event_id=envelope.get("id"),
            request_id=envelope.get("requestid"),
        )

    async def send_waiting(self, waits: int) -> str:
        return await self.queues.send(headers={"x-waits": waits})

    def proxied(self, settings: Settings) -> Settings:
        proxy = {"host": "127.0.0.1", "port": self.proxy.port}
        return settings.replace(settings[RabbitMQSettings].model_copy(update=proxy))

    async def add_dead_letter(self, letter: DeadLetter) -> None:
        headers: HeadersType = {
            "x-reason": letter.reason,
            "x-error": letter.error,
            "x-attempt": letter.attempts,
            "x-first-seen": letter.first_seen,
        }
        queue = self.queues.topology.dead_queue
        await self.queues.send(
            event_id=letter.event_id, event_type=letter.event_type, headers=headers, queue=queue
        )

    async def is_empty(self) -> bool:
        return not any([await self.queues.count(name) for name in self.queues.names])

    async def deliver_to_dying_worker(self) -> None:
        async with self.broker.channel("a worker that dies") as channel:
            queue = await channel.get_queue(self.queues.topology.queue)
            while await queue.get(fail=False):
                pass

    def create_consumer(
        self, handle: MessageHandler, *, concurrency: int, handler_timeout_seconds: float
    ) -> RabbitMQConsumer:
        return RabbitMQConsumer(
            broker=replace(self.broker, host="127.0.0.1", port=self.proxy.port),
            declarer=Declarer(topology=self.queues.topology),
            handle=handle,
            concurrency=concurrency,
            handler_timeout_seconds=handler_timeout_seconds,
        )

    async def kill(self, running: Running) -> None:
        assert isinstance(running.consumer, RabbitMQConsumer)
        tasks = [running.task, *running.consumer._in_flight]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
