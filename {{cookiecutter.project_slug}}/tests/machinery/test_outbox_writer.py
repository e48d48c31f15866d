"""A change and its events: one statement of one transaction on Postgres."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import select, text

from src.config import PostgresSettings
from src.repositories.outbox.notify import OutboxNotifier
from src.repositories.outbox.tables import OutboxRow
from src.repositories.postgres.engine import Database
from src.usecases.errors import DatabaseUnavailableError
from src.utils.settings import Settings
from tests.fakes.cache import InMemoryCache
from tests.machinery.conftest import SampleUnitOfWorkFactory
from tests.machinery.sample import Sample, SampleRow, SampleUnitOfWork
from tests.support.network import closed_port

CREATED = "machinery.sample_created.v1"
RENAMED = "machinery.sample_renamed.v1"


async def committed_events(database: Database, sample: Sample) -> list[tuple[str, int]]:
    """Return the name and the aggregate's version of each event that is committed, in order."""
    subject = OutboxRow.envelope["subject"].astext
    query = select(OutboxRow.event_type, OutboxRow.envelope).where(subject == str(sample.id))
    rows = await database.fetch(query.order_by(OutboxRow.sequence))
    return [(row.event_type, row.envelope["aggregateversion"]) for row in rows]


async def is_committed(database: Database, sample_id: UUID) -> bool:
    """Tell whether other transactions see the sample."""
    return bool(await database.fetch(select(SampleRow.id).where(SampleRow.id == sample_id)))


async def test_a_change_and_its_event_become_visible_with_the_commit(
    sample_unit_of_work: SampleUnitOfWorkFactory, database: Database
) -> None:
    sample = Sample.create("first")
    async with sample_unit_of_work() as uow:
        await uow.samples.create(sample)
        assert not await is_committed(database, sample.id)
        assert await committed_events(database, sample) == []
        await uow.commit()
        assert await is_committed(database, sample.id)
    assert await committed_events(database, sample) == [(CREATED, 1)]


async def test_leaving_without_a_commit_stores_no_change_and_no_event(
    sample_unit_of_work: SampleUnitOfWorkFactory, database: Database
) -> None:
    sample = Sample.create("first")
    async with sample_unit_of_work() as uow:
        await uow.samples.create(sample)
    assert not await is_committed(database, sample.id)
    assert await committed_events(database, sample) == []


async def test_an_error_rolls_back_the_change_and_its_event(
    sample_unit_of_work: SampleUnitOfWorkFactory, database: Database
) -> None:
    sample = Sample.create("first")

    async def fail() -> None:
        async with sample_unit_of_work() as uow:
            await uow.samples.create(sample)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert not await is_committed(database, sample.id)
    assert await committed_events(database, sample) == []


async def test_the_events_of_several_statements_are_stored_in_the_order_of_recording(
    sample_unit_of_work: SampleUnitOfWorkFactory, database: Database
) -> None:
    sample = Sample.create("first")
    async with sample_unit_of_work() as uow:
        await uow.samples.create(sample)
        sample.rename("second")
        await uow.samples.update(sample)
        await uow.commit()
    assert await committed_events(database, sample) == [(CREATED, 1), (RENAMED, 2)]


async def test_the_events_of_one_statement_are_stored_in_the_order_of_recording(
    sample_unit_of_work: SampleUnitOfWorkFactory, database: Database
) -> None:
    sample = Sample.create("first")
    for number in range(9):
        sample.rename(str(number))
    async with sample_unit_of_work() as uow:
        await uow.samples.create(sample)
        await uow.commit()
    versions = [version for _, version in await committed_events(database, sample)]
    assert versions == list(range(1, 11))


async def test_an_event_that_was_saved_is_not_saved_again_by_the_next_change(
    sample_unit_of_work: SampleUnitOfWorkFactory, database: Database
) -> None:
    sample = Sample.create("first")
    async with sample_unit_of_work() as uow:
        await uow.samples.create(sample)
        await uow.samples.update(sample)
        await uow.commit()
    assert sample.events == []
    assert await committed_events(database, sample) == [(CREATED, 1)]


async def test_an_event_carries_the_time_of_the_unit_of_work(
    sample_unit_of_work: SampleUnitOfWorkFactory, database: Database
) -> None:
    sample = Sample.create("first")
    async with sample_unit_of_work() as uow:
        await uow.samples.create(sample)
        await uow.commit()
        now = uow.now
    subject = OutboxRow.envelope["subject"].astext
    [row] = await database.fetch(select(OutboxRow.envelope).where(subject == str(sample.id)))
    assert row.envelope["time"] == now.isoformat()


async def test_a_unit_of_work_takes_no_connection_before_its_first_statement(
    settings: Settings, sample_unit_of_work: SampleUnitOfWorkFactory, database: Database
) -> None:
    sample = Sample.create("first")
    async with sample_unit_of_work() as uow:
        await uow.samples.create(sample)
        await uow.commit()
    closed = Database(
        url=settings[PostgresSettings].url.set(port=closed_port()),
        pool_size=1,
        application_name="test",
    )
    cache = InMemoryCache()

    def unit_of_work(database: Database) -> SampleUnitOfWork:
        notifier = OutboxNotifier(database)
        return SampleUnitOfWork(database=database, cache=cache, notifier=notifier, source="test")

    async with unit_of_work(database) as uow:
        assert await uow.samples.get_label(sample.id) == "first"
    async with unit_of_work(closed) as uow:
        assert await uow.samples.get_label(sample.id) == "first"
        await uow.commit()
    async with unit_of_work(closed) as uow:
        with pytest.raises(DatabaseUnavailableError):
            await uow.samples.load_for_update(sample.id)


async def test_a_cancelled_transaction_returns_its_connection_and_its_locks(
    settings: Settings, sample_unit_of_work: SampleUnitOfWorkFactory
) -> None:
    sample = Sample.create("first")
    async with sample_unit_of_work() as uow:
        await uow.samples.create(sample)
        await uow.commit()
    url = settings[PostgresSettings].url
    database = Database(url=url, pool_size=1, application_name="test")
    transaction = database.transaction()
    has_lock = asyncio.Event()

    async def wait_in_the_database() -> None:
        try:
            await transaction.fetch(select(SampleRow.id).with_for_update(), {})
            has_lock.set()
            await transaction.execute_without_events(text("SELECT pg_sleep(60)"))
        finally:
            await transaction.aclose()

    task = asyncio.create_task(wait_in_the_database())
    await has_lock.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(30), sample_unit_of_work() as uow:
        await uow.samples.load_for_update(sample.id)
    await database.check()
    await database.aclose()
