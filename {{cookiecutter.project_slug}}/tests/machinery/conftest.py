"""Fixtures of the machinery: the table of samples, and units of work on it."""

from collections.abc import Callable
from functools import partial

import punq
import pytest

from src.config import AppSettings, PostgresSettings
from src.repositories.outbox.notify import OutboxNotifier
from src.repositories.postgres.engine import Database
from src.usecases.ports.cache import ReadThroughCache
from src.utils.settings import Settings
from tests.machinery.sample import CREATE_TABLE, SampleUnitOfWork
from tests.support import isolation

SampleUnitOfWorkFactory = Callable[[], SampleUnitOfWork]


@pytest.fixture(scope="session")
async def samples_table(settings: Settings) -> None:
    """The table of samples, in the run's database."""
    await isolation.execute(settings[PostgresSettings], CREATE_TABLE)


@pytest.fixture
def sample_unit_of_work(
    container: punq.Container, settings: Settings, samples_table: None
) -> SampleUnitOfWorkFactory:
    """Return a factory of units of work on the run's servers."""
    return partial(
        SampleUnitOfWork,
        database=container.resolve(Database),
        cache=container.resolve(ReadThroughCache),
        notifier=container.resolve(OutboxNotifier),
        source=settings[AppSettings].name,
    )
