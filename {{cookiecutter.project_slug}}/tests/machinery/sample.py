"""A small aggregate with its event, table, repository and unit of work, for tests of the machinery.

They do not depend on users or sessions, which a service may not have.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID, uuid4

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from src.domain.aggregate import Aggregate
from src.domain.event import Event
from src.repositories.cache.rows import Fields, read_through, row_version
from src.repositories.outbox.inbox import DBInbox
from src.repositories.outbox.notify import OutboxNotifier
from src.repositories.outbox.writer import OutboxWriter
from src.repositories.postgres.engine import Database
from src.repositories.postgres.transaction import Transaction
from src.usecases.ports.cache import ReadThroughCache


@dataclass(frozen=True, kw_only=True)
class SampleCreated(Event, name="machinery.sample_created.v1"):
    """A sample was created."""

    sample_id: UUID
    label: str


@dataclass(frozen=True, kw_only=True)
class SampleRenamed(Event, name="machinery.sample_renamed.v1"):
    """A sample got another label."""

    sample_id: UUID
    label: str


@dataclass(kw_only=True, eq=False)
class Sample(Aggregate):
    """A thing with a label."""

    label: str
    version: int = 1

    @classmethod
    def create(cls, label: str) -> "Sample":
        """Create a sample."""
        sample = cls(id=uuid4(), label=label)
        sample.record(SampleCreated(sample_id=sample.id, label=label))
        return sample

    def rename(self, label: str) -> None:
        """Give the sample another label."""
        self.label = label
        self.version += 1
        self.record(SampleRenamed(sample_id=self.id, label=label))


class SampleBase(DeclarativeBase):
    """The base of tables that exist in tests only, so that migrations do not know them."""


class SampleRow(SampleBase):
    """A sample. `tests/machinery/conftest.py` creates the table in the run's database."""

    __tablename__ = "machinery_samples"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    label: Mapped[str]
    version: Mapped[int]


CREATE_TABLE = """
    CREATE TABLE machinery_samples
    (id uuid PRIMARY KEY, label varchar NOT NULL, version integer NOT NULL)
"""
SAMPLE = select(SampleRow.__table__).where(SampleRow.id == bindparam("id"))
SAMPLE_FOR_UPDATE = SAMPLE.with_for_update()
COLUMNS = SampleRow.__table__.columns.keys()
VERSION = row_version(COLUMNS)
INSERT = insert(SampleRow)
UPDATE = update(SampleRow).where(SampleRow.id == bindparam("key"))


def sample_key(sample_id: UUID) -> str:
    """Return the cache key of a sample."""
    return f"machinery-sample:{sample_id}"


@dataclass(frozen=True, kw_only=True)
class SampleRepository:
    """Samples in Postgres, read through the cache."""

    database: Database
    cache: ReadThroughCache
    transaction: Transaction
    outbox: OutboxWriter

    async def get_label(self, sample_id: UUID) -> str | None:
        """Return the committed label of a sample, through the cache, or None."""

        async def load() -> list[Fields] | None:
            rows = await self.database.fetch(SAMPLE, {"id": sample_id})
            return [dict(rows[0]._mapping)] if rows else None

        keys = [sample_key(sample_id)]
        found = await read_through(self.cache, keys, load, version=VERSION)
        return None if found is None else str(found[0]["label"])

    async def load_for_update(self, sample_id: UUID) -> Sample:
        """Return a sample, locked until the unit of work ends."""
        [row] = await self.transaction.fetch(SAMPLE_FOR_UPDATE, {"id": sample_id})
        return Sample(**row._mapping)

    async def create(self, sample: Sample) -> None:
        """Add a sample."""
        values = {column: getattr(sample, column) for column in COLUMNS}
        await self.outbox.save(INSERT, values, sample)

    async def update(self, sample: Sample) -> None:
        """Store a sample that was loaded for update."""
        values = {column: getattr(sample, column) for column in COLUMNS}
        await self.outbox.save(UPDATE, {"key": sample.id, **values}, sample)
        self.transaction.changed_keys.add(sample_key(sample.id))


class SampleUnitOfWork:
    """A unit of work with the repository of samples and the inbox."""

    def __init__(
        self, *, database: Database, cache: ReadThroughCache, notifier: OutboxNotifier, source: str
    ) -> None:
        self._cache = cache
        self._notifier = notifier
        self._transaction = database.transaction()
        self._outbox = OutboxWriter(self._transaction, source=source)
        self.inbox = DBInbox(transaction=self._transaction)
        self.samples = SampleRepository(
            database=database, cache=cache, transaction=self._transaction, outbox=self._outbox
        )

    @property
    def now(self) -> datetime:
        """The time of the unit of work."""
        return self._transaction.now

    async def __aenter__(self) -> Self:
        return self

    async def commit(self) -> None:
        """Commit as the service's unit of work does."""
        async with self._cache.invalidating(sorted(self._transaction.changed_keys)):
            await self._transaction.commit()
        self._transaction.changed_keys.clear()
        if self._outbox.has_events:
            self._notifier.notify()

    async def __aexit__(self, *_: object) -> None:
        await self._transaction.aclose()
