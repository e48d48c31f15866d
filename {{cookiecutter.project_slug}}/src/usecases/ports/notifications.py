"""The repository of notifications."""

from typing import Protocol

from src.domain.notification import Notification


class NotificationRepository(Protocol):
    """Notifications of one unit of work."""

    async def create_notification(self, notification: Notification) -> None:
        """Add a notification."""
