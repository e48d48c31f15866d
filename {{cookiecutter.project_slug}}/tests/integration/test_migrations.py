"""The migrations, on an empty database of their own."""

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import create_async_engine

from src.config import PostgresSettings
from src.repositories.postgres.base import Base
from src.utils.settings import ROOT, Settings
from tests.support import isolation

pytestmark = pytest.mark.timeout(600)  # a migration starts a process
TABLES = set(Base.metadata.tables)


@pytest.fixture
async def empty_database(settings: Settings) -> AsyncIterator[PostgresSettings]:
    """A database without tables, which the migrations then use."""
    postgres = settings[PostgresSettings]
    name = f"{postgres.db}_migrations"
    async with isolation.own_database(postgres, name):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("POSTGRES_DB", name)
            yield PostgresSettings()


async def tables(postgres: PostgresSettings) -> set[str]:
    """Return the names of the tables that exist."""
    engine = create_async_engine(postgres.url)
    async with engine.connect() as connection:
        names = await connection.run_sync(lambda sync: set(inspect(sync).get_table_names()))
    await engine.dispose()
    return names - {"alembic_version"}


async def test_the_migrations_can_be_applied_reverted_and_applied_again(
    empty_database: PostgresSettings,
) -> None:
    await asyncio.to_thread(isolation.migrate, "head")
    assert await tables(empty_database) == TABLES
    await asyncio.to_thread(isolation.migrate, "base")
    assert await tables(empty_database) == set()
    await asyncio.to_thread(isolation.migrate, "head")
    assert await tables(empty_database) == TABLES


async def test_the_migrations_create_exactly_the_tables_of_the_repositories(
    empty_database: PostgresSettings,
) -> None:
    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, Base.metadata))

    await asyncio.to_thread(isolation.migrate, "head")
    engine = create_async_engine(empty_database.url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == [], 'run `make migration name="…"`'
    await engine.dispose()


async def test_two_concurrent_migrations_both_succeed(empty_database: PostgresSettings) -> None:
    alembic = [sys.executable, "-m", "alembic", "upgrade", "head"]
    running = [await asyncio.create_subprocess_exec(*alembic, cwd=ROOT) for _ in range(2)]
    assert [await process.wait() for process in running] == [0, 0]
    assert await tables(empty_database) == TABLES


def test_the_migrations_can_be_printed_as_sql(capsys: pytest.CaptureFixture[str]) -> None:
    isolation.migrate("head", sql=True)
    printed = capsys.readouterr().out
    assert all(f"CREATE TABLE {table} (" in printed for table in TABLES)
