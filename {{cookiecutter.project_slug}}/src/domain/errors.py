"""Base classes of the errors that a request can cause, each with its HTTP status.

Derive an aggregate's errors from these, in the aggregate's file. Clients see the messages.
"""


class AuthenticationError(Exception):
    """The caller is not authenticated (401)."""

    def __init__(self, message: str = "The credentials are not valid.") -> None:
        super().__init__(message)


class PermissionDeniedError(Exception):
    """The caller is authenticated, but may not do this (403)."""

    def __init__(self, message: str = "You may not do this.") -> None:
        super().__init__(message)


class ConflictError(Exception):
    """The request contradicts the present state (409)."""


class InvalidError(Exception):
    """A value breaks a rule of the domain (422)."""
