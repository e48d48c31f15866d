"""A clock that tests advance."""

from datetime import UTC, datetime, timedelta


class MovableClock:
    """Stands still until a test advances it.

    It starts at the system's time, because the JWT library compares a token's expiry with that.
    """

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        """Advance by a duration: `clock.advance(minutes=5)`."""
        self.now += timedelta(**by)
