"""Whether the process runs, and whether it can serve."""

from fastapi import Request, Response

from src.api.dependencies import resolve
from src.api.routes import Router
from src.api.schemas import LivenessResponse, ReadinessResponse
from src.usecases.check_readiness import CheckReadiness

ALIVE = LivenessResponse().model_dump_json()

router = Router(prefix="/health", tags=["health"])


@router.get(
    "/live",
    response_model=LivenessResponse,
    description="Answer as long as the process runs. Asks no dependency.",
)
async def live() -> Response:
    return Response(ALIVE, media_type="application/json")


@router.get(
    "/ready", responses={503: {"model": ReadinessResponse}}, description=CheckReadiness.__doc__
)
async def ready(request: Request, response: Response) -> ReadinessResponse:
    is_ready, answers = await resolve(request, CheckReadiness).execute()
    response.status_code = 200 if is_ready else 503
    return ReadinessResponse(
        status="ready" if is_ready else "unavailable",
        dependencies={name: "ok" if ok else "unavailable" for name, ok in answers.items()},
    )
