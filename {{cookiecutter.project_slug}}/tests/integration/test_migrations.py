"""The migrations, on an empty database of their own."""

import asyncio
import sys
from collections.abc import Callable
from typing import TypeVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import create_async_engine

from src.config import PostgresSettings
from src.repositories.postgres.base import Base
from src.utils.settings import ROOT
from tests.support import isolation, rows

pytestmark = pytest.mark.timeout(600)  # a migration starts a process
T = TypeVar("T")
TABLES = set(Base.metadata.tables)
MIGRATIONS = {"alembic_version", "schema_history"}
SCRIPT = ScriptDirectory.from_config(Config(ROOT / "alembic.ini"))
REVISIONS = [revision.revision for revision in SCRIPT.walk_revisions()][::-1]


async def tables(postgres: PostgresSettings) -> set[str]:
    """Return the names of the tables that exist, without those of Alembic and of the history."""
    names = await on_connection(postgres, lambda connection: inspect(connection).get_table_names())
    return {*names} - MIGRATIONS


async def on_connection(postgres: PostgresSettings, function: Callable[[Connection], T]) -> T:
    """Call a function with a connection, and commit."""
    engine = create_async_engine(postgres.url)
    async with engine.begin() as connection:
        result = await connection.run_sync(function)
    await engine.dispose()
    return result


async def test_the_migrations_can_be_applied_reverted_and_applied_again(
    empty_database: PostgresSettings,
) -> None:
    await asyncio.to_thread(isolation.migrate, "head")
    assert await tables(empty_database) == TABLES
    await asyncio.to_thread(isolation.migrate, "base")
    assert await tables(empty_database) == set()
    await asyncio.to_thread(isolation.migrate, "head")
    assert await tables(empty_database) == TABLES


async def test_every_migration_goes_up_down_and_up_with_rows_in_every_table(
    empty_database: PostgresSettings,
) -> None:
    for revision in REVISIONS:
        await asyncio.to_thread(isolation.migrate, revision)
        counts = await on_connection(empty_database, rows.fill)
        assert {table for table, count in counts.items() if count < rows.ENOUGH} <= MIGRATIONS
        await asyncio.to_thread(isolation.revert, revision)
        await asyncio.to_thread(isolation.migrate, revision)
        await on_connection(empty_database, rows.fill)
    assert await tables(empty_database) == TABLES


async def test_the_migrations_create_exactly_the_tables_of_the_repositories(
    empty_database: PostgresSettings,
) -> None:
    def differences(connection: Connection) -> list[object]:
        options = {
            "compare_type": True,
            "compare_server_default": True,
            "include_name": lambda name, _kind, _parents: name not in MIGRATIONS,
        }
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, Base.metadata))

    await asyncio.to_thread(isolation.migrate, "head")
    found = await on_connection(empty_database, differences)
    assert found == [], 'run `make migration name="…"`'


async def test_two_concurrent_migrations_both_succeed(empty_database: PostgresSettings) -> None:
    alembic = [sys.executable, "-m", "alembic", "upgrade", "head"]
    running = [await asyncio.create_subprocess_exec(*alembic, cwd=ROOT) for _ in range(2)]
    assert [await process.wait() for process in running] == [0, 0]
    assert await tables(empty_database) == TABLES


def test_the_migrations_can_be_printed_as_sql(capsys: pytest.CaptureFixture[str]) -> None:
    isolation.migrate("head", sql=True)
    printed = capsys.readouterr().out
    assert all(f"CREATE TABLE {table} (" in printed for table in TABLES)
