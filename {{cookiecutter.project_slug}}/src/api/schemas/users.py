"""What the user routes take and answer."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from src.api.schemas.auth import Body, KnownPassword, NewPassword


class ChangePasswordRequest(Body):
    """The password as it is and as it shall be."""

    current_password: KnownPassword
    new_password: NewPassword


class UserResponse(BaseModel):
    """A user."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str
    is_active: bool
    created_at: datetime
    updated_at: datetime
