"""One transaction on Postgres: all of it is saved, or nothing."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import select, text
from src.repositories.db.engine import Database
from src.repositories.db.models import OutboxRow, UserRow
from src.repositories.db.notify import OutboxNotifier
from src.repositories.db.unit_of_work import DBUnitOfWork

from src.config import Settings
from src.domain.user import User
from src.usecases.ports.unit_of_work import DatabaseUnavailableError, UnitOfWorkFactory
from tests.fakes.cache import InMemoryCache
from tests.support.network import closed_port
from tests.support.users import new_user


async def events_of(database: Database, user: User) -> list[str]:
    """Return the names of the user's events that others can see in the outbox."""
    subject = OutboxRow.envelope["subject"].astext
    query = select(OutboxRow.event_type).where(subject == str(user.id)).order_by(OutboxRow.sequence)
    return [row.event_type for row in await database.fetch(query)]


async def is_saved(database: Database, user_id: UUID) -> bool:
    """Tell whether others can see the user."""
    return bool(await database.fetch(select(UserRow.id).where(UserRow.id == user_id)))


async def test_a_change_and_its_event_are_seen_by_others_after_the_commit_and_not_before(
    unit_of_work: UnitOfWorkFactory, database: Database
) -> None:
    user = new_user()
    async with unit_of_work() as uow:
        await uow.users.create_user(user)
        assert not await is_saved(database, user.id)
        await uow.commit()
        assert await is_saved(database, user.id)
    assert await events_of(database, user) == ["user.registered.v1"]


async def test_nothing_is_saved_without_a_commit(
    unit_of_work: UnitOfWorkFactory, database: Database
) -> None:
    user = new_user()
    async with unit_of_work() as uow:
        await uow.users.create_user(user)
    assert not await is_saved(database, user.id)
    assert await events_of(database, user) == []


async def test_an_error_rolls_back_the_change_and_its_event(
    unit_of_work: UnitOfWorkFactory, database: Database
) -> None:
    user = new_user()

    async def fail() -> None:
        async with unit_of_work() as uow:
            await uow.users.create_user(user)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert not await is_saved(database, user.id)
    assert await events_of(database, user) == []


async def test_the_events_of_one_unit_of_work_are_stored_in_the_order_in_which_they_happened(
    unit_of_work: UnitOfWorkFactory, database: Database
) -> None:
    user = new_user()
    async with unit_of_work() as uow:
        await uow.users.create_user(user)
        user.change_password("another hash", user.created_at)
        await uow.users.update_user_password(user)
        await uow.commit()
    assert await events_of(database, user) == ["user.registered.v1", "user.password_changed.v1"]


async def test_the_events_of_one_statement_are_stored_in_the_order_in_which_they_happened(
    unit_of_work: UnitOfWorkFactory, database: Database
) -> None:
    user = new_user()
    for _ in range(9):
        user.change_password("another hash", user.created_at)
    async with unit_of_work() as uow:
        await uow.users.create_user(user)
        await uow.commit()
    subject = OutboxRow.envelope["subject"].astext
    query = select(OutboxRow.envelope).where(subject == str(user.id)).order_by(OutboxRow.sequence)
    versions = [row.envelope["aggregateversion"] for row in await database.fetch(query)]
    assert versions == list(range(1, 11))


async def test_a_unit_of_work_takes_no_connection_before_its_first_statement(
    settings: Settings, database: Database, user: User
) -> None:
    nowhere = Database(
        settings.postgres.url.set(port=closed_port()), pool_size=1, application_name="nowhere"
    )
    cache = InMemoryCache()

    def on(database: Database) -> DBUnitOfWork:
        return DBUnitOfWork(database, cache, OutboxNotifier(database), "test")

    async with on(database) as uow:
        cached = await uow.users.get_user_by_id(user.id)
    async with on(nowhere) as uow:
        assert await uow.users.get_user_by_id(user.id) == cached
        await uow.commit()
    async with on(nowhere) as uow:
        with pytest.raises(DatabaseUnavailableError):
            await uow.users.load_user_for_update(user.id)


async def test_a_cancelled_unit_of_work_gives_back_its_connection_and_its_locks(
    settings: Settings, unit_of_work: UnitOfWorkFactory, user: User
) -> None:
    database = Database(settings.postgres.url, pool_size=1, application_name="test")
    transaction = database.transaction()

    async def wait_in_the_database() -> None:
        try:
            await transaction.execute(select(UserRow.id).with_for_update())
            await transaction.execute(text("SELECT pg_sleep(4)"))
        finally:
            await transaction.aclose()

    task = asyncio.create_task(wait_in_the_database())
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(1), unit_of_work() as uow:
        await uow.users.load_user_for_update(user.id)
    await database.check()
    await database.aclose()
