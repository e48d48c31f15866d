"""The backlog: since when the oldest event waits for delivery."""

from datetime import UTC, datetime, timedelta

import punq
import pytest
from sqlalchemy import text

from src import manage
from src.config import PostgresSettings
from src.repositories.postgres.engine import Database
from src.usecases.ports.messaging import OutboxBacklog
from src.utils.settings import Settings
from tests.machinery.support.messages import EVENT_TYPE
from tests.machinery.support.outbox import store

AGE = text(
    "UPDATE outbox_messages SET created_at = created_at - interval '7 minutes',"
    " available_at = available_at - interval '7 minutes' RETURNING 1"
)
pytestmark = pytest.mark.usefixtures("empty_tables")


@pytest.fixture
def backlog(container: punq.Container) -> OutboxBacklog:
    """The backlog as the service registers it."""
    backlog: OutboxBacklog = container.resolve(OutboxBacklog)
    return backlog


async def test_no_event_waits_in_an_empty_outbox(backlog: OutboxBacklog) -> None:
    assert await backlog.longest_wait() is None


async def test_the_longest_wait_is_that_of_the_oldest_event_by_the_servers_clock(
    backlog: OutboxBacklog, database: Database
) -> None:
    await store(database)
    await database.fetch(AGE)
    await store(database)
    wait = await backlog.longest_wait()
    assert wait is not None
    assert timedelta(minutes=7) <= wait < timedelta(minutes=8)


async def test_an_event_waits_since_its_commit(backlog: OutboxBacklog, database: Database) -> None:
    await store(database)
    wait = await backlog.longest_wait()
    assert wait is not None
    assert timedelta() <= wait < timedelta(minutes=1)


async def test_waiting_events_are_described_oldest_first_and_at_most_as_many_as_asked(
    backlog: OutboxBacklog, database: Database
) -> None:
    due = datetime.now(UTC) + timedelta(minutes=7)
    [first] = await store(database, attempts=2, last_error="LookupError: no", available_at=due)
    [second] = await store(database)
    await store(database)
    failed, fresh = await backlog.read(2)
    assert (failed.event_id, failed.event_type) == (first, EVENT_TYPE)
    assert (failed.attempts, failed.due_at, failed.error) == (2, due, "LookupError: no")
    assert (fresh.event_id, fresh.attempts, fresh.error) == (second, 0, None)


async def test_the_operators_command_lists_what_waits(
    settings: Settings,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("POSTGRES_DB", settings[PostgresSettings].db)
    arguments = manage.command_line().parse_args(["outbox"])
    await manage.run(arguments)
    assert capsys.readouterr().out == "0 events wait\n"
    [event] = await store(database, attempts=1, last_error="LookupError: no\nmore")
    await manage.run(arguments)
    heading, row, total = capsys.readouterr().out.splitlines()
    assert heading.startswith("EVENT")
    assert row.startswith(str(event))
    assert row.endswith("LookupError: no")
    assert total == "1 events wait"
