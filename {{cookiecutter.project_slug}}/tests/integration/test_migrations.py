"""The migrations, on an empty database of their own."""

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import create_async_engine
from src.repositories.db.models import Base

from src.config import PostgresSettings, Settings
from src.utils.settings import ROOT
from tests.support import isolation

TABLES = set(Base.metadata.tables)


@pytest.fixture
async def empty_database(settings: Settings) -> AsyncIterator[PostgresSettings]:
    """A database without tables, to which migrations are directed."""
    name = f"{settings.postgres.db}_migrations"
    async with isolation.own_database(settings.postgres, name):
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


async def test_the_migrations_go_up_and_down_and_up_again(
    empty_database: PostgresSettings,
) -> None:
    await asyncio.to_thread(isolation.migrate, "head")
    assert await tables(empty_database) == TABLES
    await asyncio.to_thread(isolation.migrate, "base")
    assert await tables(empty_database) == set()
    await asyncio.to_thread(isolation.migrate, "head")
    assert await tables(empty_database) == TABLES


async def test_the_migrated_database_is_what_the_models_say(settings: Settings) -> None:
    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, Base.metadata))

    engine = create_async_engine(settings.postgres.url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_two_that_migrate_at_once_do_not_disturb_each_other(
    empty_database: PostgresSettings,
) -> None:
    alembic = [sys.executable, "-m", "alembic", "upgrade", "head"]
    running = [await asyncio.create_subprocess_exec(*alembic, cwd=ROOT) for _ in range(2)]
    assert [await process.wait() for process in running] == [0, 0]
    assert await tables(empty_database) == TABLES


def test_the_migrations_can_be_written_out_as_sql(capsys: pytest.CaptureFixture[str]) -> None:
    isolation.migrate("head", sql=True)
    written = capsys.readouterr().out
    assert all(f"CREATE TABLE {table} (" in written for table in TABLES)
