from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import uuid4

import punq
import pytest
from sqlalchemy import insert

from src.repositories.db.engine import Database
from src.repositories.db.models import OutboxRow, ProcessedMessageRow
from src.usecases.ports.messaging import MessageRecords
from tests.fakes.message_records import InMemoryMessageRecords

NOW = datetime.now(UTC)


class MakeRecords(Protocol):
    """Makes the records of these moments."""

    async def __call__(
        self, *, processed_at: Sequence[datetime] = (), waiting_since: Sequence[datetime] = ()
    ) -> MessageRecords: ...


async def make_fake(
    *, processed_at: Sequence[datetime] = (), waiting_since: Sequence[datetime] = ()
) -> MessageRecords:
    return InMemoryMessageRecords([*processed_at], [*waiting_since])


@pytest.fixture(params=["fake", "real"])
def make_records(request: pytest.FixtureRequest) -> MakeRecords:
    if request.param == "fake":
        return make_fake
    request.getfixturevalue("empty_tables")
    container: punq.Container = request.getfixturevalue("container")
    database: Database = container.resolve(Database)

    async def make_real(
        *, processed_at: Sequence[datetime] = (), waiting_since: Sequence[datetime] = ()
    ) -> MessageRecords:
        for moment in processed_at:
            row = {"message_id": uuid4(), "processed_at": moment}
            await database.fetch(
                insert(ProcessedMessageRow).returning(ProcessedMessageRow.message_id), row
            )
        for moment in waiting_since:
            moments = {"created_at": moment, "available_at": moment}
            event = {"event_id": uuid4(), "event_type": "x", "envelope": {}, **moments}
            await database.fetch(insert(OutboxRow).returning(OutboxRow.sequence), event)
        records: MessageRecords = container.resolve(MessageRecords)
        return records

    return make_real


async def test_messages_handled_before_a_time_are_forgotten_once(make_records: MakeRecords) -> None:
    records = await make_records(processed_at=[NOW - timedelta(days=days) for days in (9, 8, 1)])
    week_ago = NOW - timedelta(days=7)

    assert await records.forget_processed(week_ago) == 2
    assert await records.forget_processed(week_ago) == 0
    assert await records.forget_processed(NOW) == 1


async def test_the_oldest_event_that_waits_is_known(make_records: MakeRecords) -> None:
    minutes = [NOW - timedelta(minutes=minutes) for minutes in (7, 5, 3)]

    records = await make_records(waiting_since=minutes)

    assert await records.oldest_waiting() == NOW - timedelta(minutes=7)


async def test_no_event_is_the_oldest_when_none_waits(make_records: MakeRecords) -> None:
    records = await make_records(processed_at=[NOW])

    assert await records.oldest_waiting() is None
