"""From the bytes of a message to the use case that handles it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from pydantic import BaseModel, ValidationError

from src.usecases.ports.messaging import PermanentError

log = structlog.get_logger()


class CloudEvent(BaseModel):
    """The part of a CloudEvents 1.0 envelope that the worker reads."""

    id: UUID
    type: str
    data: dict[str, Any]


@dataclass(frozen=True)
class EventDispatcher:
    """Hands each event to its use case, whose inbox makes it count once.

    Its port is `MessageHandler`. `published` are the types of this service's own events: one that
    it does not subscribe to is for others. `resolve` finds the use case of a type.
    """

    subscriptions: Mapping[str, tuple[type[BaseModel], type[Any]]]
    published: Collection[str]
    resolve: Callable[[type[Any]], Any]

    async def __call__(self, body: bytes) -> None:
        try:
            event = CloudEvent.model_validate_json(body)
            if event.type not in self.subscriptions:
                if event.type in self.published:
                    return
                raise PermanentError("unknown", f"Nothing handles events of type {event.type!r}.")
            model, use_case = self.subscriptions[event.type]
            data = model.model_validate(event.data)
        except ValidationError as error:
            # Without the values, which would end up in dead letters and logs.
            wrong = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
            raise PermanentError("undecodable", "; ".join(wrong)) from None
        await self.resolve(use_case).execute(message_id=event.id, **dict(data))
        log.info("event_handled")
