"""Connections of a consumer to Postgres that die without a sign."""

import pytest
from sqlalchemy import update

from src.repositories.outbox.tables import OutboxRow
from src.repositories.postgres import engine
from src.repositories.postgres.engine import Database
from tests.machinery.postgres_queue.queue import PostgresQueue
from tests.machinery.support.handlers import Handler
from tests.support.waiting import eventually

LAST_ATTEMPT = update(OutboxRow).values(attempts=2).returning(OutboxRow.sequence)


@pytest.fixture(autouse=True)
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait two seconds for an answer."""
    monkeypatch.setattr(engine, "STATEMENT_TIMEOUT_SECONDS", 1)


async def test_a_message_that_was_taken_when_the_connection_fell_silent_loses_no_attempt(
    message_queue: PostgresQueue, database: Database
) -> None:
    handle = Handler()
    async with message_queue.consuming(handle) as running:
        message_queue.proxy.mute()
        await message_queue.send("last attempt")
        await database.fetch(LAST_ATTEMPT)
        # As by a statement without an answer.
        await message_queue.deliver_to_dying_worker()
        await eventually(running.has_lost_its_server)
        await handle.called(1, seconds=100)
        await eventually(message_queue.is_empty)
    assert handle.data == ["last attempt"]
    assert handle.attempts == [3]
