"""The database's many ways to say that it does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from src.usecases.ports.unit_of_work import DatabaseBusyError, DatabaseUnavailableError

# An OSError is a refusal, an unreachable server or a TimeoutError.
FAILURES = (DBAPIError, PoolTimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
UNAVAILABLE_STATES = ("08", "25006", "53", "57")
"""SQLSTATEs, or their classes: connection lost, a standby, too many clients, shut down."""
BUSY_STATES = ("25P03", "40", "57014")
"""Idle in a transaction for too long, deadlock or serialisation, cancelled by its time limit."""


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn what the driver raises then into `DatabaseUnavailableError`.

    An error of the server has an SQLSTATE; one without is a connection that broke.
    """
    try:
        yield
    except FAILURES as error:
        state = getattr(getattr(error, "orig", error), "sqlstate", None) or UNAVAILABLE_STATES[0]
        text = f"{type(error).__name__}: {error}"
        if state.startswith(BUSY_STATES):
            raise DatabaseBusyError(text) from error
        if state.startswith(UNAVAILABLE_STATES):
            raise DatabaseUnavailableError(text) from error
        raise
