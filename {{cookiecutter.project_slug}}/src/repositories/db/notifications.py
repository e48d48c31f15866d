"""Notifications in Postgres."""

from dataclasses import asdict

from sqlalchemy import insert

from src.domain.notification import Notification
from src.repositories.db.engine import Transaction
from src.repositories.db.models import NotificationRow

INSERT = insert(NotificationRow)


class DBNotificationRepository:
    """The table `notifications`."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def create_notification(self, notification: Notification) -> None:
        """Add a notification."""
        await self._transaction.execute(INSERT, asdict(notification))
