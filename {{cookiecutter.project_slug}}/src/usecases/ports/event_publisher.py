"""Where committed events go."""

from typing import Protocol

from src.usecases.ports.outbox import OutboxMessage


class PublishError(Exception):
    """This message was not accepted; others may be."""


class BrokerUnavailableError(Exception):
    """The broker cannot be reached; no message will be accepted for now."""


class EventPublisher(Protocol):
    """Hands events over for good."""

    async def connect(self) -> None:
        """Make sure that the broker can be reached, or raise `BrokerUnavailableError`."""
        ...

    async def publish(self, message: OutboxMessage) -> None:
        """Return once the broker has taken responsibility, or raise `PublishError`."""
        ...

    async def aclose(self) -> None:
        """Let go of the broker."""
        ...
