"""What readers see of users while others write them: never what a commit has replaced."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import orjson
import punq
import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from src.config import Settings, load_settings
from src.container import build_container, open_resources
from src.domain.session import Session
from src.domain.user import User
from src.repositories.db import cached
from src.repositories.db.engine import Database
from src.repositories.db.notify import OutboxNotifier
from src.repositories.db.unit_of_work import DBUnitOfWork
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from src.usecases.ports.users import NotFoundDatabaseError
from tests.fakes.cache import InMemoryCache
from tests.support.network import closed_port
from tests.support.users import new_user
from tests.support.waiting import eventually


async def read_updated_at(unit_of_work: UnitOfWorkFactory, user_id: UUID) -> datetime:
    """Return a time that every write moves on, as a reader sees it."""
    async with unit_of_work() as uow:
        return (await uow.users.get_user_by_id(user_id)).updated_at


async def change_password(unit_of_work: UnitOfWorkFactory, user_id: UUID) -> datetime:
    """Write a user and return the new `updated_at`."""
    async with unit_of_work() as uow:
        user = await uow.users.load_user_for_update(user_id)
        user.change_password("another hash", datetime.now(UTC))
        await uow.users.update_user_password(user)
        await uow.commit()
    return user.updated_at


async def test_a_read_after_a_committed_write_sees_the_write(
    unit_of_work: UnitOfWorkFactory, user: User
) -> None:
    for _ in range(3):
        written = await change_password(unit_of_work, user.id)
        async with unit_of_work() as uow:
            assert (await uow.users.get_user_by_id(user.id)).updated_at == written
            assert (await uow.users.get_user_by_email(user.email)).updated_at == written


async def test_a_user_who_was_looked_for_in_vain_is_found_once_registered(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    user = new_user()
    async with unit_of_work() as uow:
        with pytest.raises(NotFoundDatabaseError):
            await uow.users.get_user_by_email(user.email)
        await uow.users.create_user(user)
        await uow.commit()
    async with unit_of_work() as uow:
        assert (await uow.users.get_user_by_email(user.email)).id == user.id


async def test_it_is_committed_after_its_keys_are_closed_and_before_they_are_opened(
    database: Database, user: User
) -> None:
    seen: list[datetime] = []

    async def look() -> None:
        query = text("SELECT updated_at FROM users WHERE id = :id")
        seen.append((await database.fetch(query, {"id": user.id}))[0].updated_at)

    class WatchedCache(InMemoryCache):
        @asynccontextmanager
        async def writing(self, keys: Sequence[str]) -> AsyncIterator[None]:
            async with super().writing(keys):
                await look()
                yield
                await look()

    parts = (database, WatchedCache(), OutboxNotifier(database))
    written = await change_password(partial(DBUnitOfWork, *parts, source="test"), user.id)
    assert seen == [user.updated_at, written]


async def test_reads_are_answered_by_the_cache(
    unit_of_work: UnitOfWorkFactory, database: Database, user: User
) -> None:
    before = await read_updated_at(unit_of_work, user.id)
    await database.fetch(
        text("UPDATE users SET updated_at = now() WHERE id = :id RETURNING id"), {"id": user.id}
    )  # past the repository, so that nothing drops the cached value
    assert await read_updated_at(unit_of_work, user.id) == before


async def test_a_rolled_back_write_leaves_no_trace_in_the_cache(
    unit_of_work: UnitOfWorkFactory, settings: Settings, redis: Redis, user: User
) -> None:
    before = await read_updated_at(unit_of_work, user.id)
    async with unit_of_work() as uow:
        loaded = await uow.users.load_user_for_update(user.id)
        loaded.change_password("another hash", datetime.now(UTC))
        await uow.users.update_user_password(loaded)
    key = f"{settings.app.name}:user:{user.id}"
    assert [found async for found in redis.scan_iter(f"{key}*")] == [key.encode()]
    assert await read_updated_at(unit_of_work, user.id) == before


async def test_nothing_secret_is_cached(
    unit_of_work: UnitOfWorkFactory, settings: Settings, redis: Redis, session: Session, user: User
) -> None:
    async with unit_of_work() as uow:
        await uow.users.get_user_by_email(user.email)
        await uow.sessions.get_session_access(session.id, user.id)
    keys = [f"user:{user.id}", f"user-email:{user.email}", f"session:{session.id}"]

    async def filled() -> list[Any]:
        values = await redis.mget([f"{settings.app.name}:{key}" for key in keys])
        return values if all(values) else []

    for value in await eventually(filled):
        assert "password_hash" not in orjson.loads(value)
        assert user.password_hash.encode() not in value


async def test_a_value_of_another_shape_is_not_read(
    unit_of_work: UnitOfWorkFactory, user: User, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as another_release:
        another_release.setattr(cached, "SHAPE", cached.SHAPE + 1)
        before = await read_updated_at(unit_of_work, user.id)
    async with unit_of_work() as uow:
        loaded = await uow.users.load_user_for_update(user.id)
        assert before == loaded.updated_at
    with monkeypatch.context() as broken:
        broken.setattr(cached, "SHAPE", cached.SHAPE + 2)
        async with unit_of_work() as uow:
            found = await uow.sessions.get_session_access(session.id, user.id)
    assert found is not None
    assert found.user.id == user.id


async def test_readers_and_writers_of_two_processes_at_once_never_see_a_replaced_value(
    settings: Settings, container: punq.Container, unit_of_work: UnitOfWorkFactory, user: User
) -> None:
    other = build_container(settings)
    newest, reads, stale = user.updated_at, 0, 0
    written = asyncio.Event()

    async def write(factory: UnitOfWorkFactory) -> None:
        nonlocal newest
        for _ in range(30):
            newest = max(newest, await change_password(factory, user.id))
            await asyncio.sleep(0.005)

    async def read(factory: UnitOfWorkFactory) -> None:
        nonlocal reads, stale
        while not written.is_set():
            committed = newest
            stale += await read_updated_at(factory, user.id) < committed
            reads += 1

    async with open_resources(other):
        factories = [unit_of_work, other.resolve(UnitOfWorkFactory)]
        readers = [asyncio.create_task(read(factory)) for factory in factories * 3]
        await asyncio.gather(*map(write, factories))
        written.set()
        await asyncio.gather(*readers)
    assert reads > 50
    assert stale == 0


async def test_without_redis_users_are_read_and_written_in_postgres(
    settings: Settings, unit_of_work: UnitOfWorkFactory, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_PORT", str(closed_port()))
    container = build_container(load_settings())
    async with open_resources(container):
        factory = container.resolve(UnitOfWorkFactory)
        written = await change_password(factory, user.id)
        assert await read_updated_at(factory, user.id) == written
