"""Rows in the cache while they are written: a read after a commit sees the commit."""

import asyncio

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from src.config import AppSettings
from src.container import build_container, open_resources
from src.repositories.cache.redis import cache as redis_cache
from src.repositories.postgres.engine import Database
from src.utils.settings import Settings
from tests.machinery import sample as sample_module
from tests.machinery.conftest import SampleUnitOfWorkFactory as Factory
from tests.machinery.redis.loading import filled
from tests.machinery.redis.processes import create, read, units_of_work_of, write
from tests.machinery.sample import Sample, sample_key
from tests.support.service import without


async def test_a_read_after_a_committed_write_sees_the_write(
    sample_unit_of_work: Factory,
) -> None:
    sample = await create(sample_unit_of_work)
    for _ in range(3):
        version = await write(sample_unit_of_work, sample.id)
        assert await read(sample_unit_of_work, sample.id) == version


async def test_a_row_that_was_read_before_its_creation_is_found_after_it(
    sample_unit_of_work: Factory,
) -> None:
    sample = Sample.create("1")
    assert await read(sample_unit_of_work, sample.id) == 0
    async with sample_unit_of_work() as uow:
        await uow.samples.create(sample)
        await uow.commit()
    assert await read(sample_unit_of_work, sample.id) == 1


async def test_the_second_read_is_answered_by_the_cache(
    sample_unit_of_work: Factory, database: Database
) -> None:
    sample = await create(sample_unit_of_work)
    assert await read(sample_unit_of_work, sample.id) == 1
    # SQL past the repository invalidates no key.
    statement = "UPDATE machinery_samples SET label = '2' WHERE id = :id RETURNING id"
    await database.fetch(text(statement), {"id": sample.id})
    assert await read(sample_unit_of_work, sample.id) == 1


async def test_a_rolled_back_write_leaves_its_key_cached_and_no_mark_in_redis(
    sample_unit_of_work: Factory, settings: Settings, redis: Redis
) -> None:
    sample = await create(sample_unit_of_work)
    assert await read(sample_unit_of_work, sample.id) == 1
    name = f"{settings[AppSettings].name}:{sample_key(sample.id)}"
    await filled(redis, name)
    async with sample_unit_of_work() as uow:
        changed = await uow.samples.load_for_update(sample.id)
        changed.rename("2")
        await uow.samples.update(changed)
    assert await redis.keys(f"{name}*") == [name.encode()]
    assert await read(sample_unit_of_work, sample.id) == 1


async def test_a_row_that_a_release_with_another_row_version_cached_is_read_from_postgres(
    sample_unit_of_work: Factory, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = await create(sample_unit_of_work)
    with monkeypatch.context() as other_release:
        other_release.setattr(sample_module, "VERSION", sample_module.VERSION + 1)
        assert await read(sample_unit_of_work, sample.id) == 1
    statement = "UPDATE machinery_samples SET label = '2' WHERE id = :id RETURNING id"
    await database.fetch(text(statement), {"id": sample.id})
    assert await read(sample_unit_of_work, sample.id) == 2


async def test_concurrent_readers_and_writers_of_two_processes_never_see_a_replaced_value(
    settings: Settings, sample_unit_of_work: Factory
) -> None:
    sample = await create(sample_unit_of_work)
    newest = 1
    reads = 0
    stale = 0
    writers = 2

    async def write_often(unit_of_work: Factory) -> None:
        nonlocal newest, writers
        for _ in range(30):
            newest = max(newest, await write(unit_of_work, sample.id))
            await asyncio.sleep(0.005)
        writers -= 1

    async def read_often(unit_of_work: Factory) -> None:
        nonlocal reads, stale
        while writers or reads < 50:
            committed = newest
            stale += await read(unit_of_work, sample.id) < committed
            reads += 1

    container = build_container(settings)
    async with open_resources(container):
        processes = [sample_unit_of_work, units_of_work_of(container, settings)]
        readers = [read_often(process) for process in processes * 3]
        await asyncio.gather(*map(write_often, processes), *readers)
    assert stale == 0
    assert await read(sample_unit_of_work, sample.id) == 61


async def test_without_redis_rows_are_read_from_and_written_to_postgres(
    settings: Settings, sample_unit_of_work: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_cache, "STOP_SECONDS", 0.1)
    sample = await create(sample_unit_of_work)
    container = build_container(without(settings, "redis"))
    async with open_resources(container):
        unit_of_work = units_of_work_of(container, settings)
        version = await write(unit_of_work, sample.id)
        assert await read(unit_of_work, sample.id) == version
