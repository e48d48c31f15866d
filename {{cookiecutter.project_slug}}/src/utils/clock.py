"""The system's clock."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return now in UTC, to the microsecond that Postgres keeps."""
    return datetime.now(UTC)
