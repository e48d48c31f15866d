"""Errors that several ports may raise."""


class NotFoundDatabaseError(Exception):
    """No row has this key (404)."""


class UnavailableError(Exception):
    """A server that this service depends on does not answer."""


class DatabaseUnavailableError(UnavailableError):
    """Postgres did not answer. A commit in progress may or may not have succeeded (503)."""


class DatabaseBusyError(DatabaseUnavailableError):
    """Postgres cancelled the statement: timeout, deadlock, serialization failure."""
