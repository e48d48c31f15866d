"""What the routes take and answer."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from email_validator import validate_email
from pydantic import AfterValidator, BaseModel, Field

from src.domain.password import MAX_LENGTH, MIN_LENGTH
from src.domain.user import normalise_email


def to_address(text: str) -> str:
    """Return an address in its normal form. Unlike pydantic's, take no name before it.

    Domains under `.test` are nobody's (RFC 2606) and fine for tests.
    """
    email = normalise_email(text)
    return validate_email(email, check_deliverability=False, test_environment=True).normalized


Email = Annotated[
    str,
    Field(max_length=254, json_schema_extra={"format": "email"}, examples=["ada@example.com"]),
    AfterValidator(to_address),
]
# As it was typed; `utils/passwords.py` measures its normal form as well.
KnownPassword = Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)]
NewPassword = Annotated[
    str, Field(min_length=MIN_LENGTH, max_length=MAX_LENGTH, examples=["a long passphrase"])
]


class Body(BaseModel, extra="forbid"):
    """A request body. A field nobody knows is an error, not a surprise."""


class RegisterRequest(Body):
    """What opens an account."""

    email: Email
    password: NewPassword


class LoginRequest(Body):
    """What proves who someone is."""

    email: Email
    password: KnownPassword


class RefreshRequest(Body):
    """The refresh token of the session to move on."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=512)]


class ChangePasswordRequest(Body):
    """The password as it is and as it shall be."""

    current_password: KnownPassword
    new_password: NewPassword


class UserResponse(BaseModel):
    """A user."""

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


class LivenessResponse(BaseModel):
    """The process runs."""

    status: Literal["alive"] = "alive"


class ReadinessResponse(BaseModel):
    """Whether requests can be served, and how each dependency is."""

    status: Literal["ready", "unavailable"]
    dependencies: dict[str, Literal["ok", "unavailable"]]
