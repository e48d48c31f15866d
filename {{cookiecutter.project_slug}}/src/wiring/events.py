"""Events: their names and their consumers."""

import punq

from src import domain
from src.consumers.dispatcher import EventDispatcher
from src.consumers.subscription import UseCaseSubscription, load_subscriptions
from src.domain.event import EVENT_TYPES
from src.usecases.ports.messaging import MessageHandler
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from src.utils.modules import import_submodules
from src.utils.settings import Settings
from src.wiring import Part

import_submodules(domain)  # every event enters EVENT_TYPES


def register(container: punq.Container, settings: Settings) -> None:  # noqa: ARG001
    """Register the dispatcher."""
    subscriptions = load_subscriptions()

    def dispatcher() -> EventDispatcher:
        use_cases = {
            subscription.use_case: container.resolve(subscription.use_case)
            for subscription in subscriptions.values()
            if isinstance(subscription, UseCaseSubscription)
        }
        return EventDispatcher(
            unit_of_work=container.resolve(UnitOfWorkFactory),
            subscriptions=subscriptions,
            use_cases=use_cases,
            own_events=EVENT_TYPES,
        )

    container.register(MessageHandler, factory=dispatcher, scope=punq.Scope.singleton)


part = Part(register=register)
