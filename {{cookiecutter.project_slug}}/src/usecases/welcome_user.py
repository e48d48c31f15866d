"""Greeting a new user: the sample consumer's use case."""

from dataclasses import dataclass
from uuid import UUID

from src.domain.notification import Notification
from src.usecases.ports.unit_of_work import UnitOfWorkFactory


@dataclass(frozen=True)
class WelcomeUser:
    """Write one welcome notification for a new user, however often the event arrives."""

    unit_of_work: UnitOfWorkFactory

    async def execute(self, *, message_id: UUID, user_id: UUID) -> None:
        """Write it, unless this message was handled before."""
        async with self.unit_of_work() as uow:
            if await uow.inbox.claim(message_id):
                welcome = Notification.welcome(user_id, uow.now)
                await uow.notifications.create_notification(welcome)
                await uow.commit()
