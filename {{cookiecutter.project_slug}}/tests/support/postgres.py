"""States of Postgres on command."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from src.config import PostgresSettings
from tests.support import isolation


@asynccontextmanager
async def read_only(postgres: PostgresSettings) -> AsyncIterator[None]:
    """Make new connections to the run's database read-only, as after a failover to a standby.

    A connection that was opened in this context stays read-only after it. One that was opened
    before stays writable.
    """
    setting = f'ALTER DATABASE "{postgres.db}" SET default_transaction_read_only'
    await isolation.execute(postgres, f"{setting} = on")
    try:
        yield
    finally:
        await isolation.execute(
            postgres, "SET default_transaction_read_only = off", f"{setting} = off"
        )
