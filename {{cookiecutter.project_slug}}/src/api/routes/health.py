"""Whether the process runs, and whether it can serve."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Response

from src.api.dependencies import provided
from src.api.schemas.health import LivenessResponse, ReadinessResponse
from src.usecases.check_readiness import CheckReadiness

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", description="Answer as long as the process runs. Asks no dependency.")
async def live() -> LivenessResponse:
    return LivenessResponse()


@router.get(
    "/ready",
    responses={HTTPStatus.SERVICE_UNAVAILABLE: {"model": ReadinessResponse}},
    description=CheckReadiness.__doc__,
)
async def ready(
    response: Response, check: Annotated[CheckReadiness, provided(CheckReadiness)]
) -> ReadinessResponse:
    readiness = await check.execute()
    if not readiness.is_ready:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return ReadinessResponse(
        status="ready" if readiness.is_ready else "unavailable", dependencies=readiness.states
    )
