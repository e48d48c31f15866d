"""Samples, and the effects that their events have through a worker."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import punq
from sqlalchemy import text

from src.repositories.postgres.engine import Database
from src.usecases.ports.messaging import MessageHandler
from tests.machinery.conftest import SampleUnitOfWorkFactory
from tests.machinery.sample import Sample
from tests.support.waiting import eventually

LABEL = text("SELECT label FROM machinery_samples WHERE id = :id")
CREATED = "created"
RENAMED = "created!"


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Samples in the run's database. The consumer of `SampleCreated` renames them."""

    database: Database
    unit_of_work: SampleUnitOfWorkFactory

    async def create(self) -> UUID:
        """Commit a new sample, and return its id."""
        sample = Sample.create(CREATED)
        async with self.unit_of_work() as uow:
            await uow.samples.create(sample)
            await uow.commit()
        return sample.id

    async def label(self, sample_id: UUID) -> str:
        """Return the label of a sample: `RENAMED` if its event had its effect exactly once."""
        [[label]] = await self.database.fetch(LABEL, {"id": sample_id})
        return str(label)

    async def renamed(self, sample_id: UUID) -> None:
        """Return when the event of a sample has had its effect."""

        async def is_renamed() -> bool:
            return await self.label(sample_id) != CREATED

        await eventually(is_renamed)


class RecordingHandler(MessageHandler):
    """Replaces a worker's handler: passes each message to it, and records the handled events."""

    def __init__(self, worker: punq.Container) -> None:
        self._handle: MessageHandler = worker.resolve(MessageHandler)
        self.events: list[dict[str, Any]] = []
        worker.register(MessageHandler, instance=self)

    async def __call__(self, body: bytes) -> None:
        await self._handle(body)
        self.events.append(orjson.loads(body))
