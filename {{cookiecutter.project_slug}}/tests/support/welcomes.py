"""The effect of a registration: the welcome that the worker writes."""

from uuid import UUID

from sqlalchemy import text

from src.repositories.postgres.engine import Database
from tests.support.accounts import Account
from tests.support.waiting import eventually

NOTIFICATIONS = text("SELECT kind FROM notifications WHERE user_id = :user_id")


async def notifications_of(database: Database, account: Account) -> list[str]:
    """Return the kinds of a user's notifications."""
    rows = await database.fetch(NOTIFICATIONS, {"user_id": UUID(account.id)})
    return [row.kind for row in rows]


async def welcomed(database: Database, account: Account) -> None:
    """Return when the user has a notification."""
    await eventually(lambda: notifications_of(database, account))
