"""Each port's adapters: the fake, and the real one on a real server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from uuid import UUID

import punq
import pytest
from sqlalchemy import select
from src.repositories.db.engine import Database
from src.repositories.db.models import NotificationRow, OutboxRow

from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase
from tests.fakes.unit_of_work import InMemoryUnitOfWork


class Store(Protocol):
    """Units of work, and what became of them."""

    unit_of_work: UnitOfWorkFactory

    async def events_of(self, aggregate_id: UUID) -> list[UUID]:
        """Return the ids of the events that are stored about an aggregate, oldest first."""

    async def notifications_of(self, user_id: UUID) -> list[str]:
        """Return the kinds of a user's notifications."""


class FakeStore:
    """The database in memory."""

    def __init__(self) -> None:
        self._database = InMemoryDatabase()
        self.unit_of_work: UnitOfWorkFactory = partial(
            InMemoryUnitOfWork, self._database, MovableClock()
        )

    async def events_of(self, aggregate_id: UUID) -> list[UUID]:
        events = self._database.rows.events
        return [event.event_id for event in events if event.aggregate_id == aggregate_id]

    async def notifications_of(self, user_id: UUID) -> list[str]:
        notifications = self._database.rows.notifications.values()
        return [n.kind for n in notifications if n.user_id == user_id]


@dataclass
class RealStore:
    """Postgres behind the cache."""

    database: Database
    unit_of_work: UnitOfWorkFactory

    async def events_of(self, aggregate_id: UUID) -> list[UUID]:
        subject = OutboxRow.envelope["subject"].astext
        stored = select(OutboxRow.event_id).where(subject == str(aggregate_id))
        rows = await self.database.fetch(stored.order_by(OutboxRow.sequence))
        return [row.event_id for row in rows]

    async def notifications_of(self, user_id: UUID) -> list[str]:
        kinds = select(NotificationRow.kind).where(NotificationRow.user_id == user_id)
        return [row.kind for row in await self.database.fetch(kinds)]


@pytest.fixture(params=["fake", "real"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "fake":
        return FakeStore()
    container: punq.Container = request.getfixturevalue("container")
    return RealStore(container.resolve(Database), container.resolve(UnitOfWorkFactory))


@asynccontextmanager
async def waiting_for(action: Awaitable[Any]) -> AsyncIterator[asyncio.Future[Any]]:
    """Have an action under way that does not get on before this context is left."""
    task = asyncio.ensure_future(action)
    done, _ = await asyncio.wait([task], timeout=0.1)
    assert not done, "It did not wait."
    yield task
    await asyncio.wait([task], timeout=5)
    assert task.done(), "It waited for ever."
