"""The run's own database on the server: created, migrated, emptied and dropped."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import delete

import src
from src.config import PostgresSettings
from src.repositories.postgres.base import Base
from src.utils.modules import import_all
from src.utils.settings import ROOT
from tests.support.servers import patience

NO_RIGHT = (
    "The tests create databases of their own, and {user} may not. Run as an administrator:"
    ' ALTER USER "{user}" CREATEDB'
)
UTF8 = "TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"

import_all(src)  # every table enters Base.metadata


async def wait_for(
    name: str, answers: Callable[[], Awaitable[object]], not_yet: type[Exception]
) -> None:
    """Return when a server answers. If it does not, end the run with one sentence.

    `not_yet` is the error of its library until then.
    """
    deadline = time.monotonic() + patience(name)
    while True:
        try:
            await answers()
        except (OSError, not_yet) as error:
            if time.monotonic() > deadline:
                sentence = f"{name} does not answer: {type(error).__name__}: {error}"
                pytest.exit(sentence, pytest.ExitCode.USAGE_ERROR)
            await asyncio.sleep(0.2)
        else:
            return


async def connect(postgres: PostgresSettings) -> asyncpg.Connection:
    """Return a plain connection past any pooler, which uses none of the tested code."""
    url = postgres.direct_url or postgres.url
    return await asyncpg.connect(
        host=url.host,
        port=url.port,
        user=postgres.user,
        password=postgres.password.get_secret_value(),
        database=postgres.db,
        timeout=3,
    )


async def fetch(postgres: PostgresSettings, query: str) -> list[Any]:
    """Return the first column of the rows of a query."""
    connection = await connect(postgres)
    try:
        return [row[0] for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def execute(postgres: PostgresSettings, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    connection = await connect(postgres)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def empty_tables(postgres: PostgresSettings) -> None:
    """Delete all rows, from referring tables first."""
    tables = reversed(Base.metadata.sorted_tables)
    await execute(postgres, *(str(delete(table)) for table in tables))


@asynccontextmanager
async def own_database(postgres: PostgresSettings, name: str) -> AsyncIterator[None]:
    """Create an empty database on the server, and drop it when the context is left."""
    try:
        await execute(postgres, f'CREATE DATABASE "{name}" {UTF8}')
    except asyncpg.InsufficientPrivilegeError:
        pytest.exit(NO_RIGHT.format(user=postgres.user), pytest.ExitCode.USAGE_ERROR)
    try:
        yield
    finally:
        await execute(postgres, f'DROP DATABASE "{name}" WITH (FORCE)')


def migrate(revision: str, *, sql: bool = False) -> None:
    """Migrate the database that the environment names, or print the statements."""
    config = Config(ROOT / "alembic.ini")
    run = command.downgrade if revision == "base" else command.upgrade
    run(config, revision, sql=sql)


def revert(revision: str) -> None:
    """Downgrade to the revision before this one."""
    config = Config(ROOT / "alembic.ini")
    before = ScriptDirectory.from_config(config).get_revision(revision).down_revision or "base"
    command.downgrade(config, before if isinstance(before, str) else before[0])
