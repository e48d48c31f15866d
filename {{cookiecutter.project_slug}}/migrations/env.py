"""Runs the migrations on the database that the settings name."""

import asyncio

from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from src import repositories
from src.config import PostgresSettings
from src.repositories.postgres.base import Base
from src.utils.modules import import_submodules
from src.utils.settings import load

LOCK = text("SELECT pg_advisory_xact_lock(hashtext('migrations'))")

import_submodules(repositories)  # every table enters Base.metadata


def run(connection: Connection) -> None:
    """Migrate in one transaction, after any other process that holds the migration lock."""
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        connection.execute(LOCK)
        context.run_migrations()


async def connect_and_run() -> None:
    """Connect with the same address and TLS settings as the service."""
    postgres = load([PostgresSettings])[PostgresSettings]
    tls = {"ssl": postgres.tls}
    engine = create_async_engine(postgres.url, poolclass=pool.NullPool, connect_args=tls)
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    asyncio.run(connect_and_run())
