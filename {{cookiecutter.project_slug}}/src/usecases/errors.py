"""Errors that several ports may raise."""

from typing import Literal

ServerState = Literal["ok", "read-only", "refused", "full", "unavailable"]
"""What a server can do for this service.

A refused service has a wrong password, for example: it stays refused until an operator changes
something.
"""
REFUSED_SECONDS = 30.0
"""Pause between two attempts at a server that refuses this service."""


class NotFoundDatabaseError(Exception):
    """No row has this key (404)."""


class UnavailableError(Exception):
    """A server that this service depends on does not answer, or cannot do its work."""

    def __init__(self, message: str, state: ServerState = "unavailable") -> None:
        super().__init__(message)
        self.state = state


class DatabaseUnavailableError(UnavailableError):
    """Postgres did not answer. A commit in progress may or may not have succeeded (503)."""


class DatabaseBusyError(DatabaseUnavailableError):
    """Postgres cancelled the statement: timeout, deadlock, serialization failure."""
