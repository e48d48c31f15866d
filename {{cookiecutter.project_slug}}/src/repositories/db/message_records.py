"""What is remembered of messages, and for how long."""

from dataclasses import dataclass
from datetime import datetime

# {% if cookiecutter.use_rabbitmq %}
from sqlalchemy import bindparam, delete, select
# {% else %}
from sqlalchemy import bindparam, delete, func, select
# {% endif %}

from src.repositories.db.engine import Database
from src.repositories.db.models import OutboxRow, ProcessedMessageRow

# So many at once, for a backlog must not run into the statement timeout.
SOME = (
    select(ProcessedMessageRow.message_id)
    .where(ProcessedMessageRow.processed_at < bindparam("before"))
    .limit(10_000)
)
FORGET = (
    delete(ProcessedMessageRow)
    .where(ProcessedMessageRow.message_id.in_(SOME))
    .returning(ProcessedMessageRow.message_id)
)
# {% if cookiecutter.use_rabbitmq %}
# By the primary key, for it must be known of a million, too.
OLDEST = select(OutboxRow.created_at).order_by(OutboxRow.sequence).limit(1)
# {% else %}
# By when it was due: a retry waits on purpose, and a dead letter is never due.
OLDEST = select(func.min(OutboxRow.available_at)).where(OutboxRow.available_at <= func.now())
# {% endif %}


@dataclass(frozen=True)
class DBMessageRecords:
    """`processed_messages` and `outbox_messages` as a whole. Its port is `MessageRecords`."""

    database: Database

    async def forget_processed(self, before: datetime) -> int:
        return len(await self.database.fetch(FORGET, {"before": before}))

    async def oldest_waiting(self) -> datetime | None:
        rows = await self.database.fetch(OLDEST)
        return rows[0][0] if rows else None
