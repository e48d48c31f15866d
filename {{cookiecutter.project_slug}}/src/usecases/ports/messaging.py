"""Events on the way to their consumers."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

MAX_ERROR_CHARACTERS = 500


def format_error(error: BaseException) -> str:
    """Format an error for storage: truncated, no NUL characters, no lone surrogates."""
    text = f"{type(error).__name__}: {error}".encode(errors="backslashreplace").decode()
    return text.replace("\0", "\\0")[:MAX_ERROR_CHARACTERS]


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """A message that is no longer retried, and the reason."""

    event_id: str
    event_type: str
    reason: str
    error: str
    attempts: int
    first_seen: str


class DeadLetters(Protocol):
    """The messages that are no longer retried. Each method may raise `UnavailableError`."""

    async def read(self) -> list[DeadLetter]:
        """Return all dead letters, and leave them in place."""

    async def redrive(self, is_chosen: Callable[[DeadLetter], bool]) -> int:
        """Give dead letters to the consumer again as new. Return how many."""

    async def discard(self, is_chosen: Callable[[DeadLetter], bool]) -> int:
        """Delete dead letters. Return how many."""


class PermanentError(Exception):
    """A retry cannot succeed. `reason` is one word for the dead letter."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class UnknownEventError(PermanentError):
    """No consumer of this version handles the event. One of a newer version may."""


class MessageHandler(Protocol):
    """Applies the effect of a message. A second call with the same message has no effect."""

    async def __call__(self, body: bytes) -> None:
        """Handle a CloudEvent in JSON.

        Raises `PermanentError` if a retry cannot help, and anything else if it may.
        """


class Inbox(Protocol):
    """The handled messages, which make a second delivery harmless (an idempotent receiver)."""

    async def claim(self, message_id: UUID) -> bool:
        """Record a message. Return False if it was handled before.

        Waits for another transaction that holds the same message, and returns by its outcome.
        """


class EventConsumer(Protocol):
    """Passes messages to the handler until it is stopped."""

    is_consuming: bool
    """Whether messages can arrive at present."""

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set; return when every message in progress is settled."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingEvent:
    """An event that has not been delivered, and the error of the last attempt."""

    event_id: UUID
    event_type: str
    attempts: int
    stored_at: datetime
    due_at: datetime
    error: str | None


class OutboxBacklog(Protocol):
    """The committed events that have not been delivered yet."""

    async def longest_wait(self) -> timedelta | None:
        """Return how long the oldest event has waited, by the server's clock. None: none waits."""

    async def read(self, limit: int) -> list[WaitingEvent]:
        """Return the oldest waiting events."""
