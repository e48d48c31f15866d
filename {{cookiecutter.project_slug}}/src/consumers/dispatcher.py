"""From the bytes of a message to the use case that handles it."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import structlog
from pydantic import BaseModel, ValidationError

from src.usecases.ports.message_handler import PermanentError

log = structlog.get_logger()


class EventData(Protocol):
    """A pydantic model of an event's data."""

    @classmethod
    def model_validate(cls, obj: Any) -> "EventData":
        """Return the data, or raise pydantic's `ValidationError`."""
        ...

    def to_command(self, message_id: UUID) -> Any:
        """Return the command for the use case."""
        ...


class UseCase(Protocol):
    """What handles an event."""

    async def execute(self, command: Any) -> None:
        """Do it."""
        ...


class Subscription(NamedTuple):
    """The model of an event's data, and the type of the use case that its command is for."""

    data: type[EventData]
    use_case: type[UseCase]


class CloudEvent(BaseModel):
    """The part of a CloudEvents 1.0 envelope that the worker reads."""

    id: UUID
    type: str
    data: dict[str, Any]


class EventDispatcher:
    """Hands each event to its use case. The use case's inbox makes it count once."""

    def __init__(
        self,
        subscriptions: Mapping[str, Subscription],
        published: Collection[str],
        resolve: Callable[[type[UseCase]], UseCase],
    ) -> None:
        self._handlers = {
            event_type: (subscription.data, resolve(subscription.use_case))
            for event_type, subscription in subscriptions.items()
        }
        self._published = frozenset(published)

    async def __call__(self, body: bytes) -> None:
        """Handle a CloudEvent in JSON; raise `PermanentError` for one nobody can ever handle."""
        try:
            event = CloudEvent.model_validate_json(body)
        except ValidationError as error:
            raise PermanentError("undecodable", str(error)) from error
        if event.type not in self._handlers:
            if event.type in self._published:
                return  # published by this service for others
            raise PermanentError("unknown", f"Nothing handles events of type {event.type!r}.")
        data, use_case = self._handlers[event.type]
        try:
            command = data.model_validate(event.data).to_command(event.id)
        except ValidationError as error:
            raise PermanentError("invalid", str(error)) from error
        await use_case.execute(command)
        log.info("event_handled")
