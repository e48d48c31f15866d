"""The bodies of requests and responses, one module for each subject."""

from pydantic import BaseModel


class Body(BaseModel, extra="forbid"):
    """A request body. An unknown field is an error."""
