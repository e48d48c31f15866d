"""Events on their way out: from the outbox to the broker."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from src.usecases.ports.messaging import UnavailableError


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboxMessage:
    """A committed event that is still to be published."""

    sequence: int
    event_id: UUID
    event_type: str
    envelope: dict[str, Any]
    """The event as CloudEvents 1.0 (cloudevents.io), in JSON's types."""
    attempts: int
    """How often publishing it has failed."""


class PublishError(Exception):
    """This message was not accepted; others may be."""


class BrokerUnavailableError(UnavailableError):
    """The broker cannot be reached; no message will be accepted for now."""


class Outbox(Protocol):
    """Events waiting to be published. Any number of relays may take from it at once."""

    async def relay(self, limit: int, publish: Callable[[OutboxMessage], Awaitable[None]]) -> int:
        """Publish the oldest due events, all at once, and return how many there were.

        An event leaves the outbox when `publish` has returned. When that raises, the event stays,
        with the error, for a later attempt.
        """


class EventPublisher(Protocol):
    """Hands events over for good."""

    async def connect(self) -> None:
        """Make sure that the broker can be reached, or raise `BrokerUnavailableError`."""

    async def publish(self, message: OutboxMessage) -> None:
        """Return once the broker has taken responsibility, or raise `PublishError`."""

    async def aclose(self) -> None:
        """Let go of the broker."""
