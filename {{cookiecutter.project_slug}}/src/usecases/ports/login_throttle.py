"""A limit on wrong passwords."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol
from uuid import UUID


class TooManyAttemptsError(Exception):
    """Too many guesses were wrong (429). `retry_after` is the time to wait, in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("Too many attempts failed. Try again later.")
        self.retry_after = retry_after


class LoginThrottle(Protocol):
    """Counts guesses, including those in progress, and discounts the correct ones.

    Each method encloses one guess. It raises `TooManyAttemptsError` before the guess is made. A
    guess that ends in `AuthenticationError` was wrong.
    """

    def login(self, email: str, address: str) -> AbstractAsyncContextManager[None]:
        """Guess the password of an account, existing or not, from a client's address.

        Failures count for the address, for the account at this address, and for the account as a
        whole. The last limit does not apply to addresses from which a login to the account has
        succeeded, so an attacker elsewhere cannot lock the owner out.
        """

    def password_change(self, session_id: UUID) -> AbstractAsyncContextManager[None]:
        """Guess the current password in a session. Failures count for this session alone."""
