"""The unit of work: one transaction of a use case, with a repository for each aggregate."""

from datetime import datetime
from typing import Protocol, Self

from src.domain.notification import Notification
from src.usecases.ports.messaging import Inbox
from src.usecases.ports.sessions import SessionRepository
from src.usecases.ports.users import UserRepository


class NotificationRepository(Protocol):
    """Notifications of one unit of work."""

    async def create_notification(self, notification: Notification) -> None:
        """Add a notification."""


class UnitOfWork(Protocol):
    """Saves everything or nothing: leaving without `commit` rolls back.

    The events of the aggregates that its repositories save are stored in the same transaction.
    """

    users: UserRepository
    sessions: SessionRepository
    notifications: NotificationRepository
    inbox: Inbox

    @property
    def now(self) -> datetime:
        """The time in UTC: the database's once a row is loaded for update, else this process's."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *exception: object) -> None: ...
    async def commit(self) -> None:
        """Save. When this returns, the changes are durable and no reader gets the old state.

        After an error of a repository nothing can be saved: begin another unit of work.
        """


class UnitOfWorkFactory(Protocol):
    """Opens units of work. A use case keeps the factory and opens one unit of work at a time."""

    def __call__(self) -> UnitOfWork:
        """Return a new unit of work, to be entered with `async with`."""
