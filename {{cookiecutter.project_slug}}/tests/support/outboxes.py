"""An outbox, and a way to fill it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from src.domain.events import Event
from src.repositories.db.events import to_envelope
from src.usecases.ports.publishing import Outbox, OutboxMessage
from tests.fakes.clock import MovableClock
from tests.fakes.outbox import InMemoryOutbox


@dataclass
class OutboxUnderTest:
    """An outbox, a way to fill it, and one to wait until what failed once is due again."""

    outbox: Outbox
    add: Callable[[Event], Awaitable[None]]
    wait: Callable[[], Awaitable[None]]


@dataclass
class FakeOutbox:
    """The outbox in memory, with messages as the database would give them out."""

    clock: MovableClock = field(default_factory=MovableClock)
    sequence: int = 0

    def __post_init__(self) -> None:
        self.outbox = InMemoryOutbox(self.clock)

    async def add(self, event: Event) -> None:
        self.sequence += 1
        envelope: dict[str, Any] = orjson.loads(orjson.dumps(to_envelope(event, "tests")))
        message = OutboxMessage(
            sequence=self.sequence,
            event_id=event.event_id,
            event_type=event.name,
            envelope=envelope,
            attempts=0,
        )
        self.outbox.add(message)

    async def wait(self) -> None:
        self.clock.advance(seconds=1)
