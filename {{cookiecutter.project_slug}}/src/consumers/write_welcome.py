"""The sample consumer: a welcome for each new user."""

from uuid import UUID

from pydantic import BaseModel

from src.consumers.subscription import Subscription
from src.domain.notification import Notification
from src.usecases.ports.unit_of_work import UnitOfWork


class UserRegisteredV1(BaseModel):
    """The fields of the event that this consumer needs. Other fields may come and go."""

    user_id: UUID


async def write_welcome(event: UserRegisteredV1, uow: UnitOfWork) -> None:
    """Write one welcome notification for a new user."""
    await uow.notifications.create_notification(Notification.welcome(event.user_id, uow.now))


subscription = Subscription("user.registered.v1", UserRegisteredV1, write_welcome)
