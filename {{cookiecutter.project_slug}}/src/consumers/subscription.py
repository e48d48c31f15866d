"""Subscriptions: which consumer handles which event.

The worker finds a subscription in a variable of any module of this package:
`subscription = Subscription("order.placed.v1", OrderPlacedV1, confirm_order)`.
`exchange` names the exchange of another service that publishes the event.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel

from src import consumers
from src.usecases.ports.unit_of_work import UnitOfWork
from src.utils.modules import import_submodules

EventModel = TypeVar("EventModel", bound=BaseModel)
EventModel_contra = TypeVar("EventModel_contra", bound=BaseModel, contravariant=True)


@dataclass(frozen=True)
class Subscription(Generic[EventModel]):
    """Ties an event to its model and the function that the dispatcher calls in a unit of work."""

    event_type: str
    model: type[EventModel]
    consume: Callable[[EventModel, UnitOfWork], Awaitable[None]]
    exchange: str | None = None


class EventUseCase(Protocol[EventModel_contra]):
    """A use case that handles an event in units of work of its own."""

    async def execute(self, *, event_id: UUID, event: EventModel_contra) -> None:
        """Handle the event. Claim `event_id` in the inbox of the unit of work that commits."""


@dataclass(frozen=True)
class UseCaseSubscription(Generic[EventModel]):
    """Ties an event to a use case, for a consumer that calls other servers between transactions."""

    event_type: str
    model: type[EventModel]
    use_case: type[EventUseCase[EventModel]]
    exchange: str | None = None


AnySubscription = Subscription[Any] | UseCaseSubscription[Any]


def load_subscriptions() -> Mapping[str, AnySubscription]:
    """Return the subscriptions of all modules of this package, by event type.

    Raises `TypeError` if two handle the same event: call both from one function instead.
    """
    found: dict[str, AnySubscription] = {}
    for module in import_submodules(consumers):
        for value in vars(module).values():
            if not isinstance(value, (Subscription, UseCaseSubscription)):
                continue
            if found.setdefault(value.event_type, value) is not value:
                raise TypeError(f"Two consumers handle {value.event_type!r}.")
    return found
