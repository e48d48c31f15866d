"""Events on their way to their handlers."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

MAX_ERROR_CHARACTERS = 500


def error_text(error: BaseException) -> str:
    """Return what is kept of an error, fit to be stored: short, no NUL, no half character."""
    text = f"{type(error).__name__}: {error}".encode(errors="backslashreplace").decode()
    return text.replace("\0", "\\0")[:MAX_ERROR_CHARACTERS]


class MessageRecords(Protocol):
    """The outbox and the inbox as a whole."""

    async def forget_processed(self, before: datetime) -> int:
        """Forget some messages handled before a time, and return how many: 0 if none is left."""

    async def oldest_waiting(self) -> datetime | None:
        """Return since when the oldest event waits, or None if none does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """A message that was given up, and why."""

    event_id: str
    event_type: str
    reason: str
    error: str
    attempts: int
    first_seen: str


class UnavailableError(Exception):
    """What holds the messages cannot be reached."""


class DeadLetters(Protocol):
    """Messages that were given up. Each method may raise `UnavailableError`."""

    async def read(self) -> list[DeadLetter]:
        """Return them all, and leave them where they are."""

    async def redrive(self, event_id: str | None) -> int:
        """Hand one, or all, to the consumer again as if new, and return how many."""


class PermanentError(Exception):
    """Trying a message again cannot help. `reason` is one word for the dead letter."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class MessageHandler(Protocol):
    """Gives a message its effect, once, however often it is called with it."""

    async def __call__(self, body: bytes) -> None:
        """Handle a CloudEvent in JSON.

        Raises `PermanentError`, or anything else when trying again later may help.
        """


class EventConsumer(Protocol):
    """Feeds messages to the handler until it is told to stop."""

    is_consuming: bool
    """Whether messages can arrive right now."""

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set; return once what was in flight is answered."""
