"""The outbox in memory."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from src.usecases.ports.publishing import OutboxMessage
from tests.fakes.clock import MovableClock


@dataclass
class Waiting:
    """A message with what the outbox knows of it."""

    message: OutboxMessage
    due_at: datetime
    last_error: str | None = None
    is_locked: bool = False


@dataclass
class InMemoryOutbox:
    """Its port is `Outbox`."""

    clock: MovableClock
    waiting: list[Waiting] = field(default_factory=list)

    def add(self, message: OutboxMessage) -> None:
        """Have a message wait to be published."""
        self.waiting.append(Waiting(message, self.clock()))

    async def relay(self, limit: int, publish: Callable[[OutboxMessage], Awaitable[None]]) -> int:
        now = self.clock()
        due = [row for row in self.waiting if row.due_at <= now and not row.is_locked][:limit]
        for row in due:
            row.is_locked = True
        try:
            outcomes = await asyncio.gather(
                *(publish(row.message) for row in due), return_exceptions=True
            )
            self._settle(due, outcomes)
        finally:
            for row in due:
                row.is_locked = False
        return len(due)

    def _settle(self, rows: list[Waiting], outcomes: list[BaseException | None]) -> None:
        for outcome in outcomes:
            if not isinstance(outcome, Exception | None):
                raise outcome
        for row, outcome in zip(rows, outcomes, strict=True):
            if outcome is None:
                self.waiting.remove(row)
                continue
            row.last_error = str(outcome)
            row.due_at = self.clock() + timedelta(seconds=2**row.message.attempts)
            row.message = replace(row.message, attempts=row.message.attempts + 1)
