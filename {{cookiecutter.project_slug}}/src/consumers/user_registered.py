"""`user.registered.v1`: someone opened an account."""

from uuid import UUID

from pydantic import BaseModel


class UserRegisteredV1(BaseModel):
    """What this service needs of the event's data. Other fields may come and go."""

    user_id: UUID
