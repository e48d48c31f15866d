"""The effects of events, as the database shows them."""

from typing import Any
from uuid import UUID

import orjson
import punq
import structlog
from sqlalchemy import text

from src.repositories.postgres.engine import Database
from src.usecases.ports.messaging import MessageHandler
from tests.support.accounts import Account
from tests.support.waiting import eventually

NOTIFICATIONS = text("SELECT kind FROM notifications WHERE user_id = :user_id")
WAITING = text("SELECT 1 FROM outbox_messages")


class Spy:
    """Passes a worker's messages on to their handler, and records them with the log context."""

    def __init__(self, worker: punq.Container) -> None:
        self.worker = worker
        self._handle: MessageHandler = worker.resolve(MessageHandler)
        self.seen: list[dict[str, Any]] = []

    async def __call__(self, body: bytes) -> None:
        context = structlog.contextvars.get_contextvars()
        self.seen.append({**orjson.loads(body), "context": context})
        await self._handle(body)


async def kinds(database: Database, user_id: str) -> list[str]:
    """Return the kinds of a user's notifications."""
    return [row.kind for row in await database.fetch(NOTIFICATIONS, {"user_id": UUID(user_id)})]


async def welcomed(database: Database, account: Account) -> None:
    """Return when the user has a welcome notification."""
    await eventually(lambda: kinds(database, account.id))


async def nothing_waits(database: Database) -> None:
    """Return when the outbox is empty."""

    async def is_empty() -> bool:
        return not await database.fetch(WAITING)

    await eventually(is_empty)
