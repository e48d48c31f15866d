"""Migrations beside other sessions: those go on, and a migration names what it waits for."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator

import asyncpg
import pytest

from src.config import PostgresSettings
from src.utils.settings import ROOT
from tests.support import isolation
from tests.support.images import Image, Sql
from tests.support.waiting import eventually

ADD_COLUMN = "ALTER TABLE users ADD COLUMN nickname VARCHAR"
BLOCK = "with op.get_context().autocommit_block():"
ADD_INDEX = (
    "op.create_index('ix_users_version', 'users', ['version'], postgresql_concurrently=True)"
)
COUNT = "SELECT count(*) FROM users WHERE email <> 'ada@example.com'"
LOCK_TIMEOUT = "current_setting('lock_timeout')"
LOCKS = (
    "(SELECT count(*)::text FROM pg_locks JOIN pg_database d ON d.oid = database"
    " WHERE locktype = 'advisory' AND granted AND datname = current_database())"
)


@pytest.fixture
async def report(
    migrated: Image, empty_database: PostgresSettings
) -> AsyncIterator[asyncpg.Connection]:
    """A session that has read users and leaves its transaction open."""
    connection = await isolation.connect(empty_database)
    await connection.execute("SET application_name = 'a report'")
    await connection.execute("BEGIN")
    await connection.fetch(COUNT)
    yield connection
    connection.terminate()


@pytest.fixture
async def other_migration(
    migrated: Image, empty_database: PostgresSettings
) -> AsyncIterator[asyncpg.Connection]:
    """A session that holds the lock of the migrations."""
    connection = await isolation.connect(empty_database)
    await connection.execute("SET application_name = 'another'")
    await connection.execute("SELECT pg_advisory_lock(hashtext('migrations'))")
    yield connection
    connection.terminate()


def check(expression: str, expected: str) -> str:
    """Return SQL that fails unless an expression has this value."""
    return f"DO $$ BEGIN ASSERT {expression} = '{expected}', {expression}; END $$"


async def test_statements_are_answered_while_a_migration_waits_for_a_lock(
    empty_database: PostgresSettings,
    migrated: Image,
    report: asyncpg.Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    session = f"session {report.get_server_pid()} (a report, idle in transaction, "

    async def is_waiting() -> bool:
        return f"The migration waits for {session}" in caplog.text

    migrated.add("column", ADD_COLUMN)
    migration = asyncio.create_task(asyncio.to_thread(migrated.run, "upgrade", "head"))
    await eventually(is_waiting)
    for _ in range(50):
        assert await isolation.fetch(empty_database, COUNT) == [0]
    assert not migration.done()
    await report.execute("COMMIT")
    assert (await migration).code == 0
    assert await isolation.fetch(empty_database, "SELECT nickname FROM users") == []


def test_a_migration_that_gets_no_lock_gives_up_and_names_the_session_without_its_query(
    migrated: Image, sql: Sql, report: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATION_LOCK_WAIT_SECONDS", "3")
    migrated.add("column", ADD_COLUMN)

    outcome = migrated.run("upgrade", "head")

    pid = report.get_server_pid()
    assert outcome.code == 1
    assert re.fullmatch(
        r"The migration gave up after it waited 3 s \(MIGRATION_LOCK_WAIT_SECONDS\) for"
        rf" session {pid} \(a report, idle in transaction, in a transaction since [-0-9: ]+UTC\)\.",
        outcome.message,
    )
    sql(f"SELECT pg_terminate_backend({pid})")
    migrated.must("upgrade", "head")


def test_a_migration_waits_for_another_one_and_names_it_when_it_gives_up(
    migrated: Image,
    sql: Sql,
    other_migration: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MIGRATION_LOCK_WAIT_SECONDS", "0.1")
    migrated.add("column", ADD_COLUMN)

    outcome = migrated.run("upgrade", "head")

    pid = other_migration.get_server_pid()
    assert outcome.code == 1
    assert "Another migration was still running after 0.1 s" in outcome.message
    assert f"session {pid} (another, idle)" in outcome.message
    migrated.must("current")
    monkeypatch.delenv("MIGRATION_LOCK_WAIT_SECONDS")
    sql(f"SELECT pg_terminate_backend({pid})")
    migrated.must("upgrade", "head")


async def test_concurrent_migrations_that_build_an_index_wait_for_each_other(
    empty_database: PostgresSettings, migrated: Image
) -> None:
    migrated.add("index", f"{BLOCK} {ADD_INDEX}")
    command = (sys.executable, "-m", "alembic", "-c", str(migrated.ini), "upgrade", "head")
    running = [await asyncio.create_subprocess_exec(*command, cwd=ROOT) for _ in range(2)]
    assert [await process.wait() for process in running] == [0, 0]
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_users_version'::regclass"
    assert await isolation.fetch(empty_database, valid) == [True]


def test_the_migration_lock_is_held_during_and_after_an_autocommit_block(migrated: Image) -> None:
    inside = f"{BLOCK} op.execute({check(LOCKS, '1')!r})"
    migrated.add("block", inside, check(LOCKS, "1"))
    migrated.add("after", check(LOCKS, "1"), after="block")
    migrated.must("upgrade", "head")


def test_statements_wait_half_a_second_for_a_lock_but_in_an_autocommit_block_without_limit(
    migrated: Image,
) -> None:
    inside = f"{BLOCK} op.execute({check(LOCK_TIMEOUT, '0')!r})"
    half_a_second = check(LOCK_TIMEOUT, "500ms")
    migrated.add("block", half_a_second, inside, half_a_second)
    migrated.add("after", half_a_second, after="block")
    migrated.must("upgrade", "head")


@pytest.mark.parametrize("limit", ["statement_timeout", "idle_in_transaction_session_timeout"])
def test_no_limit_of_the_database_ends_a_long_step(
    empty_database: PostgresSettings, sql: Sql, migrated: Image, limit: str
) -> None:
    sql(f"ALTER DATABASE \"{empty_database.db}\" SET {limit} = '5s'")
    migrated.add("limits", check(f"current_setting('{limit}')", "0"))
    migrated.must("upgrade", "head")
