"""A database is checked before its first use: its owner, and the time limits of its sessions."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from src.config import SERVICE, PostgresSettings
from src.container import build_container, open_service
from src.repositories.outbox.notify import OutboxListener
from src.repositories.postgres.engine import Database, time_limits
from src.repositories.postgres.guard import DatabaseGuard, UnusableDatabaseError
from src.repositories.postgres.pooler import role_limits
from src.usecases.errors import DatabaseUnavailableError
from src.utils.settings import Settings
from tests.support import isolation
from tests.support.network import closed_port
from tests.support.service import without

SELECT = text("SELECT 1")
OWNED_BY = "UPDATE schema_history SET service = '{}'"
NewDatabase = Callable[..., Database]


@pytest.fixture
async def open_database(empty_database: PostgresSettings) -> AsyncIterator[NewDatabase]:
    """Opens databases on the empty one, each with a guard."""
    opened: list[Database] = []

    def open_one(**options: Any) -> Database:
        opened.append(
            Database(
                url=empty_database.url,
                pool_size=1,
                application_name="test",
                guard=DatabaseGuard(SERVICE),
                **options,
            )
        )
        return opened[-1]

    yield open_one
    for database in opened:
        await database.aclose()


@pytest.fixture
async def migrated(empty_database: PostgresSettings) -> PostgresSettings:
    """A database that the migrations of this service have marked."""
    await asyncio.to_thread(isolation.migrate, "head")
    return empty_database


async def test_the_database_of_another_service_is_never_used(
    migrated: PostgresSettings, open_database: NewDatabase
) -> None:
    await isolation.execute(migrated, OWNED_BY.format("another-service"))
    database = open_database()
    for use in (database.connect, lambda: database.fetch(SELECT), database.check):
        with pytest.raises(UnusableDatabaseError, match=f"another-.* and .* {SERVICE}:") as error:
            await use()
        assert error.value.state == "refused"
    with pytest.raises(UnusableDatabaseError):
        await database.transaction().execute_without_events(SELECT)

    await isolation.execute(migrated, OWNED_BY.format(SERVICE))
    await database.fetch(SELECT)


async def test_a_database_without_a_mark_is_never_used(
    migrated: PostgresSettings, open_database: NewDatabase
) -> None:
    await isolation.execute(migrated, "DROP TABLE schema_history")
    with pytest.raises(UnusableDatabaseError, match="a service that left no mark"):
        await open_database().fetch(SELECT)


async def test_a_database_is_unavailable_until_its_first_migration(
    empty_database: PostgresSettings, open_database: NewDatabase
) -> None:
    database = open_database()
    with pytest.raises(DatabaseUnavailableError, match="has no tables yet: run `alembic upgrade"):
        await database.fetch(SELECT)
    await asyncio.to_thread(isolation.migrate, "head")
    await database.fetch(SELECT)


async def test_a_checked_database_costs_no_further_round_trip(
    migrated: PostgresSettings, open_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_database()
    await database.connect()
    asked: list[str] = []

    async def fetch(_: asyncpg.Connection, query: str, *__: Any) -> None:
        asked.append(query)

    monkeypatch.setattr(asyncpg.Connection, "fetchrow", fetch)
    monkeypatch.setattr(asyncpg.Connection, "fetch", fetch)
    await database.fetch(SELECT)
    await database.check()
    assert asked == []


async def test_a_table_that_may_not_be_read_is_a_refusal_with_the_way_out(
    migrated: PostgresSettings, open_database: NewDatabase
) -> None:
    await isolation.execute(migrated, "REVOKE SELECT ON schema_history FROM CURRENT_USER")
    if not await isolation.fetch(
        migrated, "SELECT 1 FROM pg_roles WHERE rolname = current_user AND rolsuper"
    ):
        with pytest.raises(DatabaseUnavailableError, match="must own the database") as error:
            await open_database().fetch(SELECT)
        assert error.value.state == "refused"


async def test_time_limits_that_are_not_in_force_are_refused_until_the_role_has_them(
    migrated: PostgresSettings, open_database: NewDatabase
) -> None:
    none = role_limits(migrated.user, migrated.db, dict.fromkeys(time_limits(), 0))
    await isolation.execute(migrated, *none.splitlines())
    with pytest.raises(UnusableDatabaseError) as error:
        await open_database(is_pooled=True).fetch(SELECT)
    assert str(error.value) == (
        "PostgreSQL does not enforce the time limits of this service (statement_timeout is 0 s and"
        " must be 5 s). A pooler drops them: set POSTGRES_POOLER=transaction, and run the SQL that"
        " `python -m src.manage role-limits` prints."
    )

    limits = role_limits(migrated.user, migrated.db, time_limits())
    await isolation.execute(migrated, *limits.splitlines())
    await open_database(is_pooled=True).fetch(SELECT)


async def test_longer_time_limits_are_refused_and_shorter_ones_are_not(
    migrated: PostgresSettings, open_database: NewDatabase
) -> None:
    for idle, is_usable in ((3, True), (60, False)):
        seconds = {"statement_timeout": 5, "idle_in_transaction_session_timeout": idle}
        statements = role_limits(migrated.user, migrated.db, seconds).splitlines()
        await isolation.execute(migrated, *statements)
        if is_usable:
            await open_database(is_pooled=True).fetch(SELECT)
        else:
            with pytest.raises(UnusableDatabaseError, match="is 60 s and must be 10 s"):
                await open_database(is_pooled=True).fetch(SELECT)


async def test_behind_a_pooler_no_statement_stays_prepared(
    settings: Settings,
) -> None:
    url = settings[PostgresSettings].url
    database = Database(url=url, pool_size=1, application_name="test", is_pooled=True)
    statement = text("SELECT name FROM pg_prepared_statements WHERE name <> :name")
    for _ in range(2):
        assert await database.fetch(statement, {"name": ""}) == []
    await database.aclose()


async def test_without_a_direct_address_a_listener_behind_a_pooler_polls(
    settings: Settings,
) -> None:
    postgres = settings[PostgresSettings]
    direct = postgres.url
    polls = OutboxListener(
        Database(url=direct, pool_size=1, application_name="test", is_pooled=True)
    )
    await polls.wait(0)
    assert polls._connection is None
    listens = OutboxListener(
        Database(
            url=direct.set(port=closed_port()),
            pool_size=1,
            application_name="test",
            is_pooled=True,
            direct_url=direct,
        )
    )
    await listens.wait(0)
    assert listens._connection is not None
    await listens.aclose()


async def test_a_postgres_that_is_away_does_not_stop_a_start(
    settings: Settings, cache_server: None, message_server: None
) -> None:
    async with open_service(build_container(without(settings, "postgres"))):
        pass
