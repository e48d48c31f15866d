"""Errors as problem details (RFC 9457)."""

from pydantic import BaseModel, Field


class FieldError(BaseModel):
    """What is wrong with one part of a request. Never repeats the value."""

    location: list[str | int] = Field(examples=[["body", "email"]])
    message: str


class Problem(BaseModel):
    """A problem. `type` names its kind for programs, `detail` says it to people."""

    type: str = Field(examples=["urn:problem:email-taken"])
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[FieldError] | None = Field(default=None, description="With 422 only.")
