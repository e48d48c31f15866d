"""An in-memory repository of notifications."""

from dataclasses import dataclass

from src.domain.notification import Notification
from src.usecases.ports.unit_of_work import NotificationRepository
from tests.fakes.database import InMemoryTransaction


@dataclass(frozen=True)
class InMemoryNotificationRepository(NotificationRepository):
    """Notifications of one transaction."""

    transaction: InMemoryTransaction

    async def create_notification(self, notification: Notification) -> None:
        self.transaction.put(notification.id, notification)
