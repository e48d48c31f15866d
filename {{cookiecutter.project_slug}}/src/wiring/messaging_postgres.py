"""Postgres is the queue: the worker hands the outbox's events straight to their handlers."""

from functools import partial

import punq

from src.config import Settings
from src.repositories.db.consumer import OutboxConsumer
from src.repositories.db.dead_letters import DBDeadLetters
from src.repositories.db.engine import Database
from src.repositories.db.notify import OutboxListener
from src.repositories.db.queue import TAKE_SUSPECTS
from src.usecases.ports.messaging import DeadLetters, EventConsumer, MessageHandler
from src.wiring import Job


def register_messaging(container: punq.Container, settings: Settings) -> None:
    """Register the way of events from the outbox to their handlers."""
    database, worker = container.resolve(Database), settings.worker
    container.register(DeadLetters, instance=DBDeadLetters(database))
    new = partial(
        OutboxConsumer,
        database,
        retry_delays=settings.queue.retry_delays_seconds,
        handler_timeout_seconds=worker.handler_timeout_seconds,
    )

    def consumer() -> EventConsumer:
        handle, listener = container.resolve(MessageHandler), container.resolve(OutboxListener)
        return new(handle, concurrency=worker.concurrency, listener=listener)

    def consumer_of_suspects() -> Job:
        handle = container.resolve(MessageHandler)
        return new(handle, concurrency=1, take=TAKE_SUSPECTS)

    container.register(EventConsumer, consumer, scope=punq.Scope.singleton)
    container.register(Job, consumer_of_suspects, scope=punq.Scope.singleton)
    container.register(Job, lambda: container.resolve(EventConsumer))
