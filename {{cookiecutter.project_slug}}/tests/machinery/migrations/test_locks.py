"""Migrations beside other sessions: those go on, and a migration names what it waits for."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from src.config import PostgresSettings
from src.utils.settings import ROOT
from tests.support import isolation
from tests.support.images import Image
from tests.support.waiting import eventually

ADD_COLUMN = "ALTER TABLE users ADD COLUMN nickname VARCHAR"
ADD_INDEX = (
    "with op.get_context().autocommit_block():"
    " op.create_index('ix_users_version', 'users', ['version'], postgresql_concurrently=True)"
)
COUNT = "SELECT count(*) FROM users WHERE email <> 'ada@example.com'"


@pytest.fixture
async def migrated(image: Image) -> Image:
    """The image, whose revisions of the service are applied."""
    await image.must("upgrade", "head")
    return image


@asynccontextmanager
async def reader(postgres: PostgresSettings) -> AsyncIterator[asyncpg.Connection]:
    """A session that has read users and leaves its transaction open."""
    connection = await isolation.connect(postgres)
    try:
        await connection.execute("SET application_name = 'a report'")
        await connection.execute("BEGIN")
        await connection.fetch(COUNT)
        yield connection
    finally:
        await connection.close()


async def test_statements_are_answered_while_a_migration_waits_for_a_lock(
    empty_database: PostgresSettings, migrated: Image, caplog: pytest.LogCaptureFixture
) -> None:
    migrated.add("column", ADD_COLUMN)
    async with reader(empty_database) as session:
        pid = session.get_server_pid()

        async def is_waiting() -> bool:
            named = f"The migration waits for session {pid} (a report, idle in transaction, "
            return named in caplog.text

        migration = asyncio.create_task(migrated.run("upgrade", "head"))
        await eventually(is_waiting)
        for _ in range(50):
            assert await isolation.fetch(empty_database, COUNT) == [0]
        assert not migration.done()
        await session.execute("COMMIT")
        assert (await migration).code == 0
    assert await isolation.fetch(empty_database, "SELECT nickname FROM users") == []


async def test_a_migration_that_gets_no_lock_gives_up_and_names_the_session_without_its_query(
    empty_database: PostgresSettings, migrated: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATION_LOCK_WAIT_SECONDS", "3")
    migrated.add("column", ADD_COLUMN)
    async with reader(empty_database) as session:
        outcome = await migrated.run("upgrade", "head")
        pid = session.get_server_pid()

    assert outcome.code == 1
    assert re.fullmatch(
        r"The migration gave up after it waited 3 s \(MIGRATION_LOCK_WAIT_SECONDS\) for"
        rf" session {pid} \(a report, idle in transaction, in a transaction since [-0-9: ]+UTC\)\.",
        outcome.message,
    )
    await migrated.must("upgrade", "head")


async def test_concurrent_migrations_that_build_an_index_wait_for_each_other(
    empty_database: PostgresSettings, migrated: Image
) -> None:
    migrated.add("index", ADD_INDEX)
    command = (sys.executable, "-m", "alembic", "-c", str(migrated.ini), "upgrade", "head")
    running = [await asyncio.create_subprocess_exec(*command, cwd=ROOT) for _ in range(2)]
    assert [await process.wait() for process in running] == [0, 0]
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_users_version'::regclass"
    assert await isolation.fetch(empty_database, valid) == [True]


async def test_a_migration_waits_for_another_one_and_names_it_when_it_gives_up(
    empty_database: PostgresSettings, migrated: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATION_LOCK_WAIT_SECONDS", "0.1")
    migrated.add("column", ADD_COLUMN)
    async with reader(empty_database) as other:
        await other.execute("ROLLBACK")
        await other.execute("SELECT pg_advisory_lock(hashtext('migrations'))")
        outcome = await migrated.run("upgrade", "head")
        await migrated.must("current")

    assert outcome.code == 1
    assert "Another migration was still running after 0.1 s" in outcome.message
    assert f"session {other.get_server_pid()} (a report, idle)" in outcome.message
    await migrated.must("upgrade", "head")


def check(setting: str, expected: str) -> str:
    """Return SQL that fails unless an expression of the server has a value."""
    return f"DO $$ BEGIN ASSERT {setting} = '{expected}', {setting}; END $$"


LOCKS = "(SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND granted)"
LOCK_TIMEOUT = "current_setting('lock_timeout')"


async def test_the_migration_lock_is_held_during_and_after_an_autocommit_block(
    empty_database: PostgresSettings, migrated: Image
) -> None:
    inside = f"op.execute({check(LOCKS, '1')!r})"
    migrated.add("block", f"with op.get_context().autocommit_block(): {inside}", check(LOCKS, "1"))
    migrated.add("after", check(LOCKS, "1"), after="block")
    await migrated.must("upgrade", "head")


async def test_statements_wait_half_a_second_for_a_lock_and_in_an_autocommit_block_forever(
    empty_database: PostgresSettings, migrated: Image
) -> None:
    inside = f"op.execute({check(LOCK_TIMEOUT, '0')!r})"
    half_a_second = check(LOCK_TIMEOUT, "500ms")
    migrated.add(
        "block",
        half_a_second,
        f"with op.get_context().autocommit_block(): {inside}",
        half_a_second,
    )
    migrated.add("after", half_a_second, after="block")
    await migrated.must("upgrade", "head")


async def test_no_limit_of_the_role_ends_a_long_step(
    empty_database: PostgresSettings, migrated: Image
) -> None:
    database = f'"{empty_database.db}"'
    await isolation.execute(
        empty_database,
        f"ALTER DATABASE {database} SET statement_timeout = '5s'",
        f"ALTER DATABASE {database} SET idle_in_transaction_session_timeout = '10s'",
    )
    migrated.add(
        "limits",
        check("current_setting('statement_timeout')", "0"),
        check("current_setting('idle_in_transaction_session_timeout')", "0"),
    )
    await migrated.must("upgrade", "head")
