"""What the auth routes take and answer."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, EmailStr, Field

Email = Annotated[EmailStr, Field(max_length=254, examples=["ada@example.com"])]
KnownPassword = Annotated[str, Field(min_length=1, max_length=128, examples=["a long passphrase"])]
NewPassword = Annotated[str, Field(min_length=8, max_length=128, examples=["a longer passphrase"])]


class Body(BaseModel):
    """A request body. A field nobody knows is an error, not a surprise."""

    model_config = ConfigDict(extra="forbid")


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


class TokenResponse(BaseModel):
    """A pair of tokens. `expires_in` is the access token's life in seconds."""

    model_config = ConfigDict(from_attributes=True)

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: int
