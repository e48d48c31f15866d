"""Greeting a new user: the sample consumer's use case."""

from dataclasses import dataclass
from uuid import UUID

from src.domain.notification import Notification
from src.usecases.ports.clock import Clock
from src.usecases.ports.unit_of_work import UnitOfWorkFactory


@dataclass(frozen=True, kw_only=True, slots=True)
class WelcomeUserCommand:
    """Whom to greet, and the message that says so."""

    message_id: UUID
    user_id: UUID


class WelcomeUser:
    """Write one welcome notification for a new user, however often the event arrives."""

    def __init__(self, unit_of_work: UnitOfWorkFactory, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock

    async def execute(self, command: WelcomeUserCommand) -> None:
        """Write it, unless this message was handled before."""
        async with self._unit_of_work() as uow:
            if not await uow.inbox.claim(command.message_id):
                return
            await uow.notifications.create_notification(
                Notification.welcome(command.user_id, self._clock())
            )
            await uow.commit()
