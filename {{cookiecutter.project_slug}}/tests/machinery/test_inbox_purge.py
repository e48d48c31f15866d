"""The purge of the inbox."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import insert, select

from src.repositories.outbox.inbox import RETENTION, PurgeInbox
from src.repositories.outbox.tables import ProcessedMessageRow
from src.repositories.postgres.engine import Database


async def test_messages_are_deleted_a_week_after_they_were_handled(database: Database) -> None:
    expired = uuid4()
    recent = uuid4()
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    times = {expired: now - RETENTION - hour, recent: now - RETENTION + hour}
    for message_id, processed_at in times.items():
        values = {"message_id": message_id, "processed_at": processed_at}
        await database.fetch(
            insert(ProcessedMessageRow).values(values).returning(ProcessedMessageRow.message_id)
        )

    step = PurgeInbox(database=database)
    assert await step.purge() >= 1

    rows = await database.fetch(select(ProcessedMessageRow.message_id))
    kept = {row.message_id for row in rows}
    assert expired not in kept
    assert recent in kept
