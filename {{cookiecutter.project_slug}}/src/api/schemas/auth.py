"""What the auth routes take and answer."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, EmailStr, Field


class Request(BaseModel):
    """A request body. A field nobody knows is an error, not a surprise."""

    model_config = ConfigDict(extra="forbid")


NewPassword = Annotated[str, Field(min_length=8, max_length=128, examples=["a long passphrase"])]
KnownPassword = Annotated[str, Field(min_length=1, max_length=128, examples=["a long passphrase"])]
Email = Annotated[EmailStr, Field(max_length=254, examples=["ada@example.com"])]


class RegisterRequest(Request):
    """What opens an account."""

    email: Email
    password: NewPassword


class LoginRequest(Request):
    """What proves who someone is."""

    email: Email
    password: KnownPassword


class RefreshRequest(Request):
    """The refresh token of the session to move on."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=512)]


class ChangePasswordRequest(Request):
    """The password as it is and as it shall be."""

    current_password: KnownPassword
    new_password: NewPassword


class TokenResponse(BaseModel):
    """A pair of tokens. `expires_in` is the access token's life in seconds."""

    model_config = ConfigDict(from_attributes=True)

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: int
