"""The database's many ways to say that it does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from src.usecases.ports.unit_of_work import DatabaseBusyError, DatabaseUnavailableError

# An OSError is a refusal, an unreachable server or a TimeoutError.
FAILURES = (DBAPIError, PoolTimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
STATES = {
    # Deadlock or serialisation, cancelled by its time limit.
    DatabaseBusyError: ("40", "57014"),
    # Connection lost, a standby, idle for too long, too many clients, shut down.
    DatabaseUnavailableError: ("08", "25006", "25P03", "53", "57"),
}
"""What SQLSTATEs, or their classes, mean; the first that fits."""


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn what the driver raises then into `DatabaseUnavailableError` or `DatabaseBusyError`.

    An error of the server has an SQLSTATE; one without is a connection that broke.
    """
    try:
        yield
    except FAILURES as error:
        state = getattr(getattr(error, "orig", error), "sqlstate", None) or "08"
        meant = [kind for kind, states in STATES.items() if state.startswith(states)]
        if not meant:
            raise
        raise meant[0](f"{type(error).__name__}: {error}") from error
