"""Units of work on the database in memory."""

from typing import Self

from src.usecases.ports.sessions import SessionRepository
from src.usecases.ports.unit_of_work import Inbox, NotificationRepository
from src.usecases.ports.users import UserRepository
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase, InMemoryTransaction
from tests.fakes.repositories import (
    InMemoryInbox,
    InMemoryNotificationRepository,
    InMemorySessionRepository,
    InMemoryUserRepository,
)


class InMemoryUnitOfWork:
    """Its port is `UnitOfWork`."""

    def __init__(self, database: InMemoryDatabase, clock: MovableClock) -> None:
        self.now = clock.now
        self._transaction = transaction = InMemoryTransaction(database)
        self.users: UserRepository = InMemoryUserRepository(transaction)
        self.sessions: SessionRepository = InMemorySessionRepository(transaction)
        self.notifications: NotificationRepository = InMemoryNotificationRepository(transaction)
        self.inbox: Inbox = InMemoryInbox(transaction)

    async def __aenter__(self) -> Self:
        return self

    async def commit(self) -> None:
        self._transaction.commit()

    async def __aexit__(self, *exception: object) -> None:
        self._transaction.close()
