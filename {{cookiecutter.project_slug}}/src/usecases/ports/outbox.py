"""The outbox as its relay sees it."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

Envelope = dict[str, Any]
"""A CloudEvents 1.0 event as JSON data (cloudevents.io)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboxMessage:
    """An event that was committed and is still to be published."""

    sequence: int
    event_id: UUID
    event_type: str
    envelope: Envelope
    attempts: int
    """How often publishing it has failed."""


class OutboxBatch(Protocol):
    """Messages locked for this relay; every outcome is saved when the batch is left."""

    messages: Sequence[OutboxMessage]

    async def settle(self, failures: dict[int, str]) -> None:
        """Delete what was published; keep what failed (sequence → error) for a later attempt."""
        ...


class Outbox(Protocol):
    """Events waiting to be published. Any number of relays may take from it at once."""

    def lock_batch(self, limit: int) -> AbstractAsyncContextManager[OutboxBatch]:
        """Lock the oldest due messages that no other relay holds."""
        ...
