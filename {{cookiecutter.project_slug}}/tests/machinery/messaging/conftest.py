"""A worker with one consumer, which renames each sample that was created."""

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

import punq
import pytest
from pydantic import BaseModel

from src.consumers.dispatcher import EventDispatcher
from src.consumers.subscription import Subscription
from src.container import build_container
from src.domain.event import EVENT_TYPES
from src.repositories.outbox import notify
from src.repositories.postgres.engine import Database
from src.usecases.ports.messaging import MessageHandler
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from src.utils.settings import Settings
from tests.machinery.conftest import SampleUnitOfWorkFactory
from tests.machinery.messaging.samples import Samples
from tests.machinery.sample import SampleCreated

NewWorker = Callable[[Settings], punq.Container]


class SampleCreatedV1(BaseModel):
    """The fields that the consumer needs."""

    sample_id: UUID


async def rename(event: SampleCreatedV1, uow: Any) -> None:
    """Add an exclamation mark to the label, so the label shows how often this was called."""
    sample = await uow.samples.load_for_update(event.sample_id)
    sample.rename(f"{sample.label}!")
    await uow.samples.update(sample)


@pytest.fixture(autouse=True)
def frequent_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make consumers and relays look for events often."""
    monkeypatch.setattr(notify, "POLL_SECONDS", 0.05)


@pytest.fixture
def samples(database: Database, sample_unit_of_work: SampleUnitOfWorkFactory) -> Samples:
    """The samples of one test."""
    return Samples(database=database, unit_of_work=sample_unit_of_work)


@pytest.fixture
def new_worker(
    message_server: None, cache_server: None, sample_unit_of_work: SampleUnitOfWorkFactory
) -> NewWorker:
    """Return a function that builds a worker with this consumer of `SampleCreated`."""
    dispatcher = EventDispatcher(
        unit_of_work=cast("UnitOfWorkFactory", sample_unit_of_work),
        subscriptions={
            SampleCreated.name: Subscription(SampleCreated.name, SampleCreatedV1, rename)
        },
        use_cases={},
        own_events=EVENT_TYPES,
    )

    def build(settings: Settings) -> punq.Container:
        container = build_container(settings)
        container.register(MessageHandler, instance=dispatcher)
        return container

    return build


@pytest.fixture
def worker(new_worker: NewWorker, settings: Settings) -> punq.Container:
    """The parts of one such worker."""
    return new_worker(settings)
