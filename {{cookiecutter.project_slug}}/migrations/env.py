"""Runs the migrations on the database that the settings name."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from src import repositories
from src.config import PostgresSettings
from src.repositories.postgres.base import Base
from src.utils.modules import import_submodules
from src.utils.settings import load

LOCK = text("SELECT pg_advisory_xact_lock(hashtext('migrations'))")
UNREACHABLE = "Start it, or correct POSTGRES_HOST and POSTGRES_PORT in .env."
REFUSED = """\
If .env is new, the volume of PostgreSQL still has the old password. Two ways out:
  keep the data:   put the old .env back, or see "A new .env and old volumes" in docs/deployment.md
  delete the data: docker compose down --volumes"""
TWO_HEADS = """\
The migrations have several heads: {heads}. Join them, as "Two heads" in docs/postgres.md describes:
  .venv/bin/alembic merge heads --message "join two heads\""""
# By SQLSTATE: a wrong password, another refused login, a missing database.
WAYS_OUT = {
    "28P01": REFUSED,
    "28000": REFUSED,
    "3D000": "Create it, or correct POSTGRES_DB in .env.",
}

import_submodules(repositories)  # every table enters Base.metadata


def require_one_head() -> None:
    """Exit with the way out if two branches have each added a migration."""
    heads = context.script.get_heads()
    if len(heads) > 1:
        raise SystemExit(TWO_HEADS.format(heads=", ".join(heads)))


def run(connection: Connection) -> None:
    """Migrate in one transaction, after any other process that holds the migration lock."""
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        connection.execute(LOCK)
        context.run_migrations()


@contextmanager
def explained(postgres: PostgresSettings) -> Iterator[None]:
    """Exit with the cause and the way out if the connection fails."""
    server = f"PostgreSQL at {postgres.host}:{postgres.port}"
    try:
        yield
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None)
        if state not in WAYS_OUT:
            raise
        raise SystemExit(f"{server}: {error.orig}. {WAYS_OUT[state]}") from None
    except OSError as error:
        raise SystemExit(f"{server} cannot be reached: {error}. {UNREACHABLE}") from None


async def connect_and_run() -> None:
    """Connect with the same address and TLS settings as the service."""
    postgres = load([PostgresSettings])[PostgresSettings]
    tls = {"ssl": postgres.tls}
    engine = create_async_engine(postgres.url, poolclass=pool.NullPool, connect_args=tls)
    with explained(postgres):
        connection = await engine.connect()
    try:
        await connection.run_sync(run)
        await connection.commit()
    finally:
        await connection.close()
        await engine.dispose()


require_one_head()
if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    asyncio.run(connect_and_run())
