"""Reading and writing samples, in this process and in another one."""

from functools import partial
from uuid import UUID

import punq

from src.config import AppSettings
from src.repositories.outbox.notify import OutboxNotifier
from src.repositories.postgres.engine import Database
from src.usecases.ports.cache import ReadThroughCache
from src.utils.settings import Settings
from tests.machinery.conftest import SampleUnitOfWorkFactory as Factory
from tests.machinery.sample import Sample, SampleUnitOfWork


async def create(unit_of_work: Factory) -> Sample:
    """Save a sample with the label 1."""
    sample = Sample.create("1")
    async with unit_of_work() as uow:
        await uow.samples.create(sample)
        await uow.commit()
    return sample


async def write(unit_of_work: Factory, sample_id: UUID) -> int:
    """Write a sample: its label is the number of its new version."""
    async with unit_of_work() as uow:
        sample = await uow.samples.load_for_update(sample_id)
        sample.rename(str(sample.version + 1))
        await uow.samples.update(sample)
        await uow.commit()
    return sample.version


async def read(unit_of_work: Factory, sample_id: UUID) -> int:
    """Return the version that a reader sees, or 0 for a missing row."""
    async with unit_of_work() as uow:
        return int(await uow.samples.get_label(sample_id) or 0)


def units_of_work_of(container: punq.Container, settings: Settings) -> Factory:
    """Return the units of work of another process."""
    return partial(
        SampleUnitOfWork,
        database=container.resolve(Database),
        cache=container.resolve(ReadThroughCache),
        notifier=container.resolve(OutboxNotifier),
        source=settings[AppSettings].name,
    )
