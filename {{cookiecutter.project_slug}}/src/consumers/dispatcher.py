"""The dispatcher: from the bytes of a message to the consumer of its event."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from pydantic import BaseModel, ValidationError

from src.consumers.subscription import AnySubscription, EventUseCase, Subscription
from src.usecases.ports.messaging import MessageHandler, PermanentError, UnknownEventError
from src.usecases.ports.unit_of_work import UnitOfWorkFactory

log = structlog.get_logger()


class CloudEvent(BaseModel):
    """The part of a CloudEvents 1.0 envelope that the worker reads."""

    id: UUID
    type: str
    data: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class EventDispatcher(MessageHandler):
    """Passes each event to its consumer, and commits the consumer's effect once.

    `use_cases` are those of the `UseCaseSubscription`s. `own_events` are the names of this
    service's events: one without a consumer is no error.
    """

    unit_of_work: UnitOfWorkFactory
    subscriptions: Mapping[str, AnySubscription]
    use_cases: Mapping[type[Any], EventUseCase[Any]]
    own_events: Collection[str]

    async def __call__(self, body: bytes) -> None:
        try:
            event = CloudEvent.model_validate_json(body)
            subscription = self.subscriptions.get(event.type)
            if subscription is None:
                if event.type in self.own_events:
                    return
                raise UnknownEventError("unknown", f"No consumer handles {event.type!r}.")
            data = subscription.model.model_validate(event.data)
        except ValidationError as error:
            # Without the values, which would appear in logs and dead letters.
            wrong = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
            raise PermanentError("undecodable", "; ".join(wrong)) from None
        if isinstance(subscription, Subscription):
            await self._consume(subscription, event.id, data)
        else:
            await self.use_cases[subscription.use_case].execute(event_id=event.id, event=data)
        log.info("event_handled")

    async def _consume(
        self, subscription: Subscription[Any], event_id: UUID, data: BaseModel
    ) -> None:
        """Call the consumer in a unit of work that has claimed the event."""
        async with self.unit_of_work() as uow:
            if await uow.inbox.claim(event_id):
                await subscription.consume(data, uow)
                await uow.commit()
