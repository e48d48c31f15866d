"""The system's clock."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return now in UTC."""
    return datetime.now(UTC)
