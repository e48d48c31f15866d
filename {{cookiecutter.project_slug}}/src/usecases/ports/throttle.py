"""An end to guessing passwords."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol
from uuid import UUID


class TooManyAttemptsError(Exception):
    """Too many guesses were wrong. `retry_after` is when to try again, in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("Too many attempts failed. Try again later.")
        self.retry_after = retry_after


class Throttle(Protocol):
    """Counts guesses, those under way included, and forgets those that were right.

    Each method encloses one guess. It raises `TooManyAttemptsError` before the guess is made; a
    guess that ends in `AuthenticationError` was wrong.
    """

    def login(self, email: str, address: str) -> AbstractAsyncContextManager[None]:
        """Guess the password of an account, which need not exist, from a client's address.

        Failures count for the address, for the account at this address, and for the account as a
        whole. The last does not hold up addresses from which a login to the account has succeeded:
        whoever attacks an account from elsewhere does not lock its owner out.
        """

    def password_change(self, session_id: UUID) -> AbstractAsyncContextManager[None]:
        """Guess the current password in a session. Failures count for this session alone."""
