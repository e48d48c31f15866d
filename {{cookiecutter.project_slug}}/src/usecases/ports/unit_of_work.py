"""One transaction of a use case."""

from datetime import datetime
from typing import Protocol, Self
from uuid import UUID

from src.domain.notification import Notification
from src.usecases.ports.messaging import UnavailableError
from src.usecases.ports.sessions import SessionRepository
from src.usecases.ports.users import UserRepository


class DatabaseUnavailableError(UnavailableError):
    """The database did not answer. What was being saved may or may not be."""


class DatabaseBusyError(DatabaseUnavailableError):
    """It is there, but ended this statement or transaction, which took too long or was in the way.

    Tried again, it may be so again.
    """


class NotificationRepository(Protocol):
    """Notifications of one unit of work."""

    async def create_notification(self, notification: Notification) -> None:
        """Add a notification."""


class Inbox(Protocol):
    """The memory of handled messages, which makes a second delivery harmless.

    The idempotent receiver of Hohpe and Woolf, "Enterprise Integration Patterns".
    """

    async def claim(self, message_id: UUID) -> bool:
        """Record a message; False if it was handled before and there is nothing to do.

        Waits for another transaction that holds the same message, and answers by its outcome.
        """


class UnitOfWork(Protocol):
    """Saves everything or nothing: leaving without `commit` rolls back.

    The events of the aggregates that went through its repositories are stored in the same
    transaction and sent on their way afterwards.
    """

    now: datetime
    """When it began, in UTC: all it does happens at this time, which tests can move."""
    users: UserRepository
    sessions: SessionRepository
    notifications: NotificationRepository
    inbox: Inbox

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *exception: object) -> None: ...
    async def commit(self) -> None:
        """Save. When this returns, the changes are durable and no reader sees the old state.

        After `EmailTakenError`, or an error of the database, nothing can be saved: begin another.
        """


class UnitOfWorkFactory(Protocol):
    """Opens units of work. A use case lives as long as the process and opens one at a time."""

    def __call__(self) -> UnitOfWork:
        """Return a new unit of work, to be entered with `async with`."""
