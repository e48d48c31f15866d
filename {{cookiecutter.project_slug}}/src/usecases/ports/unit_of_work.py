"""One transaction of a use case."""

from types import TracebackType
from typing import Protocol, Self

from src.usecases.ports.inbox import Inbox
from src.usecases.ports.notifications import NotificationRepository
from src.usecases.ports.sessions import SessionRepository
from src.usecases.ports.users import UserRepository


class DatabaseUnavailableError(Exception):
    """The database did not answer. Nothing is known to be saved; trying again is safe."""


class UnitOfWork(Protocol):
    """Saves everything or nothing: leaving without `commit` rolls back.

    The events of the aggregates that went through its repositories are stored in the same
    transaction, and announced afterwards.
    """

    @property
    def users(self) -> UserRepository: ...  # noqa: D102
    @property
    def sessions(self) -> SessionRepository: ...  # noqa: D102
    @property
    def notifications(self) -> NotificationRepository: ...  # noqa: D102
    @property
    def inbox(self) -> Inbox: ...  # noqa: D102

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    async def commit(self) -> None:
        """Save. When this returns, the changes are durable and no reader sees the old state."""
        ...


class UnitOfWorkFactory(Protocol):
    """Opens a unit of work. Use cases live as long as the process and open one per execution."""

    def __call__(self) -> UnitOfWork:
        """Return a new unit of work, to be entered with `async with`."""
        ...
