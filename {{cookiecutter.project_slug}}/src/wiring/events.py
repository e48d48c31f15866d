"""Events: their names, their consumers, and the operators' commands for dead letters."""

import punq

from src import domain
from src.consumers.dispatcher import EventDispatcher
from src.consumers.subscription import UseCaseSubscription, load_subscriptions
from src.domain.event import EVENT_TYPES
from src.usecases.ports.messaging import DeadLetters, MessageHandler
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from src.utils.modules import import_submodules
from src.utils.settings import Settings
from src.wiring import Command, Part

ROW = "{:36}  {:28}  {:14}  {:>8}  {:32}  {}"

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


async def list_dead_letters(container: punq.Container, _: str | None) -> str:
    """Return a table of the dead letters."""
    letters = await container.resolve(DeadLetters).read()
    lines = []
    if letters:
        lines.append(ROW.format("EVENT", "TYPE", "REASON", "ATTEMPTS", "FIRST SEEN", "ERROR"))
    for letter in letters:
        error = letter.error.splitlines()[0] if letter.error else ""
        lines.append(
            ROW.format(
                letter.event_id,
                letter.event_type,
                letter.reason,
                letter.attempts,
                letter.first_seen,
                error,
            )
        )
    return "\n".join([*lines, f"{len(letters)} dead letters"])


async def redrive(container: punq.Container, event_id: str | None) -> str:
    """Give dead letters to the worker again."""
    redriven = await container.resolve(DeadLetters).redrive(event_id)
    if event_id and not redriven:
        raise SystemExit(f"There is no dead letter of event {event_id}.")
    return f"{redriven} dead letters sent back to the worker"


part = Part(
    register=register,
    commands=(
        Command(
            name="dead-letters",
            help="list the messages that are no longer retried",
            run=list_dead_letters,
        ),
        Command(
            name="redrive",
            help="give dead letters to the worker again",
            run=redrive,
            argument="event_id",
            argument_help="redrive this event only (default: all)",
        ),
    ),
)
