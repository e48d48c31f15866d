"""The queue of messages in Postgres, for the tests that both kinds of messaging share."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, bindparam, func, insert, update

from src.config import PostgresSettings
from src.repositories.outbox.notify import OutboxListener
from src.repositories.outbox.tables import OutboxRow
from src.repositories.postgres.engine import Database
from src.repositories.postgres_queue.consumer import PostgresConsumer
from src.repositories.postgres_queue.dead_letters import PostgresDeadLetters
from src.repositories.postgres_queue.statements import NEVER, TAKE, TAKE_REDELIVERED, UNANSWERED
from src.usecases.ports.messaging import DeadLetter, DeadLetters, MessageHandler
from src.utils.settings import Settings
from tests.machinery.support.messages import EVENT_TYPE, MessageQueue, Running
from tests.machinery.support.outbox import rows
from tests.support.network import Proxy

ADD = insert(OutboxRow).returning(OutboxRow.sequence)
ADD_DEAD_LETTER = ADD.values(available_at=NEVER)
END_LEASES = (
    update(OutboxRow)
    .where(OutboxRow.last_error == bindparam("unanswered"))
    .values(available_at=func.now())
    .returning(OutboxRow.sequence)
)


async def take_and_die(database: Database, *, redelivered: bool = False) -> list[Row[Any]]:
    """Take what is due, as a worker does that is killed before its handlers return."""
    take = TAKE_REDELIVERED if redelivered else TAKE
    limit = 1 if redelivered else 50
    values = {"limit": limit, "lease": timedelta(0), "counted": int(redelivered)}
    return list(await database.fetch(take, values))


@dataclass(kw_only=True)
class PostgresQueue(MessageQueue):
    """The outbox of this run's database. `proxied_database` reaches it through the proxy."""

    database: Database
    proxied_database: Database
    proxy: Proxy
    retry_delays: Sequence[int] = (1, 2)
    listeners: list[OutboxListener] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.dead_letters: DeadLetters = PostgresDeadLetters(database=self.database)

    async def send_envelope(self, envelope: dict[str, Any]) -> str:
        event_id = envelope.get("id", str(uuid4()))
        row = {"event_id": UUID(event_id), "event_type": EVENT_TYPE, "envelope": envelope}
        await self.database.fetch(ADD, row)
        return str(event_id)

    async def send_waiting(self, waits: int) -> str:
        event_id = uuid4()
        envelope = {"id": str(event_id), "data": "one"}
        row = {"event_id": event_id, "event_type": EVENT_TYPE, "envelope": envelope}
        await self.database.fetch(ADD, {**row, "waits": waits})
        return str(event_id)

    def proxied(self, settings: Settings) -> Settings:
        proxy = {"host": "127.0.0.1", "port": self.proxy.port}
        return settings.replace(settings[PostgresSettings].model_copy(update=proxy))

    async def add_dead_letter(self, letter: DeadLetter) -> None:
        row = {
            "event_id": UUID(letter.event_id),
            "event_type": letter.event_type,
            "envelope": {"id": letter.event_id, "data": ""},
            "created_at": datetime.fromisoformat(letter.first_seen),
            "attempts": letter.attempts,
            "last_error": f"{letter.reason}: {letter.error}",
        }
        await self.database.fetch(ADD_DEAD_LETTER, row)

    async def is_empty(self) -> bool:
        return not await rows(self.database)

    async def deliver_to_dying_worker(self) -> None:
        await take_and_die(self.database)

    def create_consumer(
        self, handle: MessageHandler, *, concurrency: int, handler_timeout_seconds: float
    ) -> PostgresConsumer:
        listener = OutboxListener(self.proxied_database)
        self.listeners.append(listener)
        return PostgresConsumer(
            database=self.proxied_database,
            listener=listener,
            handle=handle,
            retry_delays=self.retry_delays,
            concurrency=concurrency,
            handler_timeout_seconds=handler_timeout_seconds,
        )

    async def kill(self, running: Running) -> None:
        running.task.cancel()
        await asyncio.wait([running.task])
        await self.database.fetch(END_LEASES, {"unanswered": UNANSWERED})
