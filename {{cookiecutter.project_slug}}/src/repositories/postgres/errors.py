"""Translates the driver's errors: which of them mean that Postgres does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from src.domain.errors import InvalidError
from src.usecases.errors import DatabaseBusyError, DatabaseUnavailableError, ServerState
from src.utils.attempts import RefusalLog
from src.utils.tls import explain

# An OSError is a refused connection, an unreachable server or a TimeoutError.
FAILURES = (DBAPIError, PoolTimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
UNSTORABLE_TEXT = "22021"
READ_ONLY = "25006"
FULL = "53100"
NO_RIGHT = "42501"
ERRORS_BY_SQLSTATE = {
    # Deadlock or serialization failure, cancelled by a timeout.
    DatabaseBusyError: ("40", "57014"),
    # Connection lost, read-only, idle for too long, refused, no database or right, no resources,
    # shutdown.
    DatabaseUnavailableError: ("08", READ_ONLY, "25P03", "28", "3D", NO_RIGHT, "53", "57"),
}
"""The error of each SQLSTATE, or of each class of SQLSTATEs. The first match counts."""
SERVER_STATES: dict[str, ServerState] = {
    READ_ONLY: "read-only",
    FULL: "full",
    "53300": "full",  # too many connections
}
CHANGES = {
    "28": "Correct POSTGRES_USER and POSTGRES_PASSWORD, or let the user connect",
    "3D": "Correct POSTGRES_DB, or create the database",
    NO_RIGHT: "Make POSTGRES_USER the owner of the database and its tables",
}
"""What to change when Postgres refuses this service, by the beginning of the SQLSTATE."""
NO_TLS = "rejected SSL upgrade"


@contextmanager
def translated_errors(refusals: RefusalLog) -> Iterator[None]:
    """Raise `DatabaseUnavailableError`, `DatabaseBusyError` or `InvalidError` for driver errors.

    An error from the server has an SQLSTATE. An error without one is a broken connection. A
    refusal is also written to the log of refusals.
    """
    try:
        yield
    except DatabaseUnavailableError as error:  # from the guard of the database
        if error.state == "refused":
            refusals.refused(str(error))
        raise
    except FAILURES as error:
        state = getattr(getattr(error, "orig", error), "sqlstate", None) or "08"
        if state == UNSTORABLE_TEXT:
            raise InvalidError("Text must not contain a NUL character.") from error
        kinds = [kind for kind, states in ERRORS_BY_SQLSTATE.items() if state.startswith(states)]
        if not kinds:
            raise
        text = f"{type(error).__name__}: {error}"
        if change := _change(error, state):
            refusals.refused(f"{change} ({text})")
            raise DatabaseUnavailableError(f"{change} ({text})", "refused") from error
        states = [can for prefix, can in SERVER_STATES.items() if state.startswith(prefix)]
        raise kinds[0](text, *states) from error


def _change(error: Exception, sqlstate: str) -> str | None:
    """Return what to change if Postgres refuses this service, else None."""
    if NO_TLS in str(error):
        return "Let the server use TLS, or remove POSTGRES_TLS_CA_FILE"
    changes = (change for part, change in CHANGES.items() if sqlstate.startswith(part))
    return next(changes, None) or explain(error, "POSTGRES")
