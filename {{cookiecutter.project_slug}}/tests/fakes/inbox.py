"""An in-memory inbox."""

from dataclasses import dataclass
from uuid import UUID

from src.usecases.ports.messaging import Inbox
from tests.fakes.database import InMemoryTransaction


@dataclass(frozen=True)
class ProcessedMessage:
    """A message with a committed effect."""

    id: UUID


@dataclass(frozen=True)
class InMemoryInbox(Inbox):
    """The messages that one transaction claims."""

    transaction: InMemoryTransaction

    async def claim(self, message_id: UUID) -> bool:
        await self.transaction.lock((ProcessedMessage, message_id))
        if self.transaction.get(ProcessedMessage, message_id) is not None:
            return False
        self.transaction.put(message_id, ProcessedMessage(message_id))
        return True
