"""The database's many ways to say that it does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from src.usecases.ports.unit_of_work import DatabaseUnavailableError

# An OSError is a refusal, an unreachable server or a TimeoutError.
UNAVAILABLE = (InterfaceError, OperationalError, PoolTimeoutError, asyncpg.InterfaceError, OSError)
UNAVAILABLE_STATES = ("08", "25P03", "40", "53", "57")
"""SQLSTATEs, or their classes: connection lost, idle for too long, deadlock, too many clients,
cancelled or shut down. SQLAlchemy has no class for these of asyncpg and raises `DBAPIError`."""


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn what the driver raises then into `DatabaseUnavailableError`.

    An error of the server has an SQLSTATE; one without is a connection that broke.
    """
    try:
        yield
    except UNAVAILABLE as error:
        raise DatabaseUnavailableError(f"{type(error).__name__}: {error}") from error
    except (DBAPIError, asyncpg.PostgresError) as error:
        state = getattr(getattr(error, "orig", error), "sqlstate", None)
        if state and not state.startswith(UNAVAILABLE_STATES):
            raise
        raise DatabaseUnavailableError(f"{type(error).__name__}: {error}") from error
