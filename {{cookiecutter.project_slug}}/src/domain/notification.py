"""A message to a user: the visible effect of the sample consumer."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4


@dataclass(frozen=True, kw_only=True, slots=True)
class Notification:
    """One message of one kind to one user."""

    id: UUID
    user_id: UUID
    kind: str
    created_at: datetime

    @classmethod
    def welcome(cls, user_id: UUID, now: datetime) -> "Notification":
        """Create the welcome of a new user."""
        return cls(id=uuid4(), user_id=user_id, kind="welcome", created_at=now)
