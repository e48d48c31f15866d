"""A unit of work on the in-memory database."""

from datetime import datetime
from typing import ClassVar, Self

from src.usecases.ports.unit_of_work import UnitOfWork
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase, InMemoryTransaction
from tests.fakes.inbox import InMemoryInbox
from tests.fakes.notifications import InMemoryNotificationRepository
from tests.fakes.sessions import InMemorySessionRepository
from tests.fakes.users import InMemoryUserRepository


class InMemoryUnitOfWork(UnitOfWork):
    """One transaction, shared by a repository for each aggregate.

    `forgotten` names the changed tables of units of work that were left without an exception and
    without a commit. A fixture of the unit tests fails a test in which that happens.
    """

    forgotten: ClassVar[list[str]] = []

    def __init__(self, database: InMemoryDatabase, clock: MovableClock) -> None:
        self._now = clock.now
        self._transaction = InMemoryTransaction(database)
        self.users = InMemoryUserRepository(self._transaction)
        self.sessions = InMemorySessionRepository(self._transaction)
        self.notifications = InMemoryNotificationRepository(self._transaction)
        self.inbox = InMemoryInbox(self._transaction)

    @property
    def now(self) -> datetime:
        return self._now

    async def __aenter__(self) -> Self:
        return self

    async def commit(self) -> None:
        self._transaction.commit()

    async def __aexit__(self, *exception: object) -> None:
        if not any(exception):
            self.forgotten.extend(self._transaction.changed_tables)
        self._transaction.close()
