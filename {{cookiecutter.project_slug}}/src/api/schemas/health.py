"""The responses of the health routes."""

from typing import Literal

from pydantic import BaseModel


class LivenessResponse(BaseModel):
    """The process runs."""

    status: Literal["alive"] = "alive"


class ReadinessResponse(BaseModel):
    """Whether requests can be served, and the state of each dependency."""

    status: Literal["ready", "unavailable"]
    dependencies: dict[str, Literal["ok", "unavailable"]]
