"""What a run makes on the servers under a name of its own, and removes again."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest
from alembic import command
from alembic.config import Config

from src.config import PostgresSettings
from src.utils.settings import ROOT
from tests.support.servers import patience


async def wait_for(
    name: str, answers: Callable[[], Awaitable[object]], not_yet: type[Exception]
) -> None:
    """Return once a server answers; end the run with one sentence if it does not.

    `not_yet` is what its library raises until then.
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
    """Return a plain connection, past everything that is tested here."""
    return await asyncpg.connect(
        host=postgres.host,
        port=postgres.port,
        user=postgres.user,
        password=postgres.password.get_secret_value(),
        database=postgres.db,
        timeout=3,
    )


async def execute(postgres: PostgresSettings, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    connection = await connect(postgres)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def own_database(postgres: PostgresSettings, name: str) -> AsyncIterator[None]:
    """Have an empty database of this name on the server while the context is open."""
    await execute(postgres, f'CREATE DATABASE "{name}"')
    try:
        yield
    finally:
        await execute(postgres, f'DROP DATABASE "{name}" WITH (FORCE)')


def migrate(revision: str, *, sql: bool = False) -> None:
    """Migrate the database that the environment names, or print what that would take."""
    config = Config(ROOT / "alembic.ini")
    go = command.downgrade if revision == "base" else command.upgrade
    go(config, revision, sql=sql)
