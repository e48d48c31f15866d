"""Postgres is the queue: the worker hands the outbox's events straight to their handlers."""

from functools import partial

import punq

from src.config import Settings
from src.repositories.db.consumer import OutboxConsumer
from src.repositories.db.dead_letters import DBDeadLetters
from src.repositories.db.notify import OutboxListener
from src.repositories.db.queue import TAKE_SUSPECTS
from src.usecases.ports.messaging import DeadLetters, EventConsumer
from src.wiring import Job


def register_messaging(container: punq.Container, settings: Settings) -> None:
    """Register the way of events from the outbox to their handlers."""
    worker = settings.worker
    consumer = partial(
        container.register,
        factory=OutboxConsumer,
        scope=punq.Scope.singleton,
        retry_delays=settings.queue.retry_delays_seconds,
        handler_timeout_seconds=worker.handler_timeout_seconds,
    )
    listener = container.resolve(OutboxListener)
    consumer(EventConsumer, concurrency=worker.concurrency, listener=listener)
    consumer(Job, concurrency=1, take=TAKE_SUSPECTS)
    container.register(DeadLetters, DBDeadLetters, scope=punq.Scope.singleton)
