"""Messaging in Postgres: the worker consumes the events of the outbox directly."""

import punq

from src.config import WorkerSettings
from src.repositories.outbox.notify import OutboxListener
from src.repositories.postgres.engine import Database
from src.repositories.postgres_queue.backlog import PostgresBacklog
from src.repositories.postgres_queue.consumer import PostgresConsumer
from src.repositories.postgres_queue.dead_letters import PostgresDeadLetters
from src.usecases.ports.messaging import (
    DeadLetters,
    EventConsumer,
    MessageHandler,
    OutboxBacklog,
)
from src.utils.setting_limits import Delays
from src.utils.settings import Settings, SettingsGroup
from src.wiring import Part


class QueueSettings(SettingsGroup, env_prefix="QUEUE_"):
    """The queue of events in Postgres."""

    retry_delays_seconds: Delays = (10, 60, 300)


def register(container: punq.Container, settings: Settings) -> None:
    """Register the path of events from the outbox to their consumers."""
    database = container.resolve(Database)

    def consumer() -> PostgresConsumer:
        worker = settings[WorkerSettings]
        return PostgresConsumer(
            database=database,
            listener=container.resolve(OutboxListener),
            handle=container.resolve(MessageHandler),
            retry_delays=settings[QueueSettings].retry_delays_seconds,
            concurrency=worker.concurrency,
            handler_timeout_seconds=worker.handler_timeout_seconds,
        )

    container.register(EventConsumer, factory=consumer, scope=punq.Scope.singleton)
    container.register(OutboxBacklog, instance=PostgresBacklog(database=database))
    container.register(DeadLetters, instance=PostgresDeadLetters(database=database))


part = Part(settings=(QueueSettings,), register=register)
