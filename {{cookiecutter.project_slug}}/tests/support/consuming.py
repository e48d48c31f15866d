"""A consumer at work."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from src.repositories.rabbitmq.consumer import RabbitMQConsumer


@dataclass
class Running:
    """A consumer at work."""

    consumer: RabbitMQConsumer
    task: asyncio.Task[None]
    stop: asyncio.Event

    async def consumes(self) -> bool:
        """Tell whether messages can arrive."""
        return self.consumer.is_consuming


Consuming = Callable[..., AbstractAsyncContextManager[Running]]
