"""What the health routes answer."""

from typing import Literal

from pydantic import BaseModel


class LivenessResponse(BaseModel):
    """The process runs."""

    status: Literal["alive"] = "alive"


class ReadinessResponse(BaseModel):
    """Whether requests can be served, and how each dependency is."""

    status: Literal["ready", "unavailable"]
    dependencies: dict[str, Literal["ok", "unavailable"]]
