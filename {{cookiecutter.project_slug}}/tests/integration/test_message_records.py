"""What is remembered of messages."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from src.repositories.db.engine import Database
from src.repositories.db.message_records import DBMessageRecords
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from tests.support.users import new_user

pytestmark = pytest.mark.usefixtures("empty_tables")


@pytest.fixture
def records(database: Database) -> DBMessageRecords:
    return DBMessageRecords(database)


async def test_messages_handled_before_a_time_are_forgotten_and_no_others(
    records: DBMessageRecords, database: Database, unit_of_work: UnitOfWorkFactory
) -> None:
    old, new = uuid4(), uuid4()
    async with unit_of_work() as uow:
        assert await uow.inbox.claim(old)
        assert await uow.inbox.claim(new)
        await uow.commit()
    long_ago = datetime.now(UTC) - timedelta(days=8)
    await database.fetch(
        text("UPDATE processed_messages SET processed_at = :at WHERE message_id = :id RETURNING 1"),
        {"at": long_ago, "id": old},
    )
    assert await records.forget_processed(long_ago + timedelta(days=1)) == 1
    assert await records.forget_processed(long_ago + timedelta(days=1)) == 0
    async with unit_of_work() as uow:
        assert await uow.inbox.claim(old)
        assert not await uow.inbox.claim(new)


async def test_the_oldest_event_that_waits_is_known_while_one_waits(
    records: DBMessageRecords, unit_of_work: UnitOfWorkFactory
) -> None:
    assert await records.oldest_waiting() is None
    before = datetime.now(UTC)
    async with unit_of_work() as uow:
        await uow.users.create_user(new_user())
        await uow.commit()
    oldest = await records.oldest_waiting()
    assert oldest is not None
    assert abs(oldest - before) < timedelta(seconds=5)
    async with unit_of_work() as uow:
        await uow.users.create_user(new_user())
        await uow.commit()
    assert await records.oldest_waiting() == oldest
