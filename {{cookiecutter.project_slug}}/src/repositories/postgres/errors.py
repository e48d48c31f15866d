"""Translates the driver's errors: which of them mean that Postgres does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from src.domain.errors import InvalidError
from src.usecases.errors import DatabaseBusyError, DatabaseUnavailableError, ServerState

# An OSError is a refused connection, an unreachable server or a TimeoutError.
FAILURES = (DBAPIError, PoolTimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
UNSTORABLE_TEXT = "22021"
READ_ONLY = "25006"
FULL = "53100"
ERRORS_BY_SQLSTATE = {
    # Deadlock or serialization failure, cancelled by a timeout.
    DatabaseBusyError: ("40", "57014"),
    # Connection lost, read-only, idle for too long, refused, no database, no resources, shutdown.
    DatabaseUnavailableError: ("08", READ_ONLY, "25P03", "28", "3D", "53", "57"),
}
"""The error of each SQLSTATE, or of each class of SQLSTATEs. The first match counts."""
SERVER_STATES: dict[str, ServerState] = {
    READ_ONLY: "read-only",
    FULL: "full",
    "28": "refused",  # the password
    "3D": "refused",  # no such database
    "53300": "refused",  # too many connections
}


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise `DatabaseUnavailableError`, `DatabaseBusyError` or `InvalidError` for driver errors.

    An error from the server has an SQLSTATE. An error without one is a broken connection.
    """
    try:
        yield
    except FAILURES as error:
        state = getattr(getattr(error, "orig", error), "sqlstate", None) or "08"
        if state == UNSTORABLE_TEXT:
            raise InvalidError("Text must not contain a NUL character.") from error
        kinds = [kind for kind, states in ERRORS_BY_SQLSTATE.items() if state.startswith(states)]
        if not kinds:
            raise
        states = [can for prefix, can in SERVER_STATES.items() if state.startswith(prefix)]
        raise kinds[0](f"{type(error).__name__}: {error}", *states) from error
