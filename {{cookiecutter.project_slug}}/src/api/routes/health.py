"""Liveness and readiness."""

from typing import Literal

from fastapi import APIRouter, FastAPI, Response
from pydantic import BaseModel

from src.api.dependencies import Use
from src.usecases.errors import ServerState
from src.usecases.operations.check_readiness import CheckReadiness


class LivenessResponse(BaseModel):
    """The process runs."""

    status: Literal["alive"] = "alive"


class ReadinessResponse(BaseModel):
    """Whether requests can be served, and what each dependency can do."""

    status: Literal["ready", "unavailable"]
    dependencies: dict[str, ServerState]


ALIVE = LivenessResponse().model_dump_json()

router = APIRouter(prefix="/health", tags=["health"])


async def live() -> Response:
    return Response(ALIVE, media_type="application/json")


@router.get(
    "/ready", responses={503: {"model": ReadinessResponse}}, description=CheckReadiness.__doc__
)
async def ready(response: Response, check_readiness: Use[CheckReadiness]) -> ReadinessResponse:
    is_ready, states = await check_readiness.execute()
    response.status_code = 200 if is_ready else 503
    status = "ready" if is_ready else "unavailable"
    return ReadinessResponse(status=status, dependencies=states)


def add_hot_routes(app: FastAPI) -> None:
    """Add the liveness check."""
    app.add_api_route(
        "/health/live",
        live,
        tags=["health"],
        response_model=LivenessResponse,
        description="Answer as long as the process runs. Asks no dependency.",
    )
