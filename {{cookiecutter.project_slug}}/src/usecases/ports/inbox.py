"""The memory of handled messages, which makes a second delivery harmless."""

from typing import Protocol
from uuid import UUID


class Inbox(Protocol):
    """Messages handled by this service, recorded in the transaction of their effect.

    After the idempotent receiver of Hohpe and Woolf, Enterprise Integration Patterns.
    """

    async def claim(self, message_id: UUID) -> bool:
        """Record a message. False if it was handled before: then there is nothing to do.

        Waits for another transaction that holds the same message; once that commits, the answer
        is False, and if it rolls back, True.
        """
        ...
