"""The table `notifications` and its repository."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.orm import Mapped, mapped_column

from src.domain.notification import Notification
from src.repositories.postgres.base import Base
from src.repositories.postgres.transaction import Transaction
from src.usecases.ports.unit_of_work import NotificationRepository


class NotificationRow(Base):
    """A message to a user.

    `user_id` is no foreign key: the table of a consumer must not depend on the database of the
    service that published the event.
    """

    __tablename__ = "notifications"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(index=True)
    kind: Mapped[str]
    created_at: Mapped[datetime]


COLUMNS = NotificationRow.__table__.columns.keys()
INSERT = insert(NotificationRow)


@dataclass(frozen=True, kw_only=True)
class DBNotificationRepository(NotificationRepository):
    """Notifications in Postgres. A notification is no aggregate: it records no events."""

    transaction: Transaction

    async def create_notification(self, notification: Notification) -> None:
        values = {column: getattr(notification, column) for column in COLUMNS}
        await self.transaction.execute_without_events(INSERT, values)
