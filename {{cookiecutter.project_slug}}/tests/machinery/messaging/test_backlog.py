"""The backlog: since when the oldest event waits for delivery."""

from datetime import UTC, datetime, timedelta

import punq
import pytest

from src.repositories.postgres.engine import Database
from src.usecases.ports.messaging import OutboxBacklog
from tests.machinery.support.outbox import rows, store

pytestmark = pytest.mark.usefixtures("empty_tables")


@pytest.fixture
def backlog(container: punq.Container) -> OutboxBacklog:
    """The backlog as the service registers it."""
    backlog: OutboxBacklog = container.resolve(OutboxBacklog)
    return backlog


async def test_an_empty_outbox_has_no_oldest_event(backlog: OutboxBacklog) -> None:
    assert await backlog.oldest_waiting() is None


async def test_the_oldest_event_that_waits_is_reported(
    backlog: OutboxBacklog, database: Database
) -> None:
    oldest = datetime.now(UTC) - timedelta(minutes=7)
    for minutes in (0, 2, 4):
        moment = oldest + timedelta(minutes=minutes)
        await store(database, created_at=moment, available_at=moment)
    assert await backlog.oldest_waiting() == oldest


async def test_an_event_waits_since_its_commit(backlog: OutboxBacklog, database: Database) -> None:
    await store(database)
    [row] = await rows(database)
    assert await backlog.oldest_waiting() == row.created_at
