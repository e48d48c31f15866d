"""A broker in memory."""

from src.domain.events import PUBLISHED_EVENTS
from src.usecases.ports.publishing import BrokerUnavailableError, OutboxMessage, PublishError


class InMemoryEventPublisher:
    """Keeps what it was given, or fails as it is told. Its port is `EventPublisher`."""

    def __init__(self, *, is_available: bool = True) -> None:
        self.is_available = is_available
        self.published: list[OutboxMessage] = []
        self.refused: dict[int, str] = {}
        """What is wrong with a message, by its sequence."""
        self._is_connected = False
        self._routed = {event.name for event in PUBLISHED_EVENTS}

    async def connect(self) -> None:
        if not self.is_available:
            raise BrokerUnavailableError("The broker is away.")
        self._is_connected = True

    async def publish(self, message: OutboxMessage) -> None:
        if not self._is_connected:
            raise PublishError("Not connected.")
        if message.event_type not in self._routed:
            raise PublishError("No queue takes it.")
        if message.sequence in self.refused:
            raise PublishError(self.refused[message.sequence])
        self.published.append(message)

    async def aclose(self) -> None:
        self._is_connected = False
