"""The inbox: which messages have had their effect."""

from uuid import UUID

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert

from src.repositories.db.engine import Transaction
from src.repositories.db.models import ProcessedMessageRow

CLAIM = (
    insert(ProcessedMessageRow)
    .values(message_id=bindparam("message_id"))
    .on_conflict_do_nothing()
    .returning(ProcessedMessageRow.message_id)
)


class DBInbox:
    """`processed_messages`, written in the transaction of the message's effect."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def claim(self, message_id: UUID) -> bool:
        """Record a message; False if it was handled before.

        The insert waits for another transaction that is inserting the same key, so two deliveries
        at once cannot both be told True and both commit.
        """
        result = await self._transaction.execute(CLAIM, {"message_id": message_id})
        return result.scalar_one_or_none() is not None
