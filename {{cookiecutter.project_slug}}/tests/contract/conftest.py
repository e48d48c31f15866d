"""The adapters of each port: the fake, and the real one on a real server."""

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

from src.domain.notification import Notification
from src.repositories.notifications import NotificationRow
from src.repositories.outbox.tables import OutboxRow
from src.repositories.postgres.engine import Database
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase
from tests.fakes.unit_of_work import InMemoryUnitOfWork


class Store(Protocol):
    """Units of work, and the committed data that no repository returns."""

    unit_of_work: UnitOfWorkFactory

    async def events_of(self, aggregate_id: UUID) -> list[UUID]:
        """Return the ids of the committed events of an aggregate, oldest first."""

    async def notifications_of(self, user_id: UUID) -> list[str]:
        """Return the kinds of a user's committed notifications."""


class FakeStore(Store):
    """The in-memory database."""

    def __init__(self) -> None:
        self._database = InMemoryDatabase()
        self.unit_of_work = partial(InMemoryUnitOfWork, self._database, MovableClock())

    async def events_of(self, aggregate_id: UUID) -> list[UUID]:
        events = self._database.events
        return [recorded.id for recorded in events if recorded.aggregate_id == aggregate_id]

    async def notifications_of(self, user_id: UUID) -> list[str]:
        notifications = self._database.all(Notification)
        return [
            notification.kind for notification in notifications if notification.user_id == user_id
        ]


@dataclass
class RealStore(Store):
    """Postgres, with the cache in front of it."""

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
    """Start an action that must wait until the body of this context has ended."""
    task = asyncio.ensure_future(action)
    done, _ = await asyncio.wait([task], timeout=0.1)
    assert not done, "The action did not wait."
    yield task
    await asyncio.wait([task], timeout=60)
    assert task.done(), "The action still waits."
