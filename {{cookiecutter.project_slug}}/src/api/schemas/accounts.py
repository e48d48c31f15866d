"""The requests and responses of accounts and sessions."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from src.api.schemas import Body
from src.usecases.accounts.email_address import parse_address
from src.usecases.ports.password_hasher import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH


def to_address(text: str) -> str:
    """Return a valid address as typed, without the blanks around it. Else raise `ValueError`."""
    return parse_address(text).typed


Email = Annotated[
    str,
    Field(max_length=254, json_schema_extra={"format": "email"}, examples=["ada@example.com"]),
    AfterValidator(to_address),
]
# The length as typed. `utils/security/passwords.py` also checks the normal form.
KnownPassword = Annotated[str, Field(min_length=1, max_length=MAX_PASSWORD_LENGTH)]
NewPassword = Annotated[
    str,
    Field(
        min_length=MIN_PASSWORD_LENGTH,
        max_length=MAX_PASSWORD_LENGTH,
        examples=["a long passphrase"],
    ),
]


class RegisterRequest(Body):
    """A new account."""

    email: Email
    password: NewPassword


class LoginRequest(Body):
    """The credentials of an account."""

    email: Email
    password: KnownPassword


class RefreshRequest(Body):
    """The refresh token of the session to refresh."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=512)]


class ChangePasswordRequest(Body):
    """The current password and the new one."""

    current_password: KnownPassword
    new_password: NewPassword


class UserResponse(BaseModel):
    """A user's profile."""

    id: UUID
    email: str
    is_active: bool
    created_at: datetime
    updated_at: datetime


class TokenResponse(BaseModel):
    """A pair of tokens. `expires_in` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: int
