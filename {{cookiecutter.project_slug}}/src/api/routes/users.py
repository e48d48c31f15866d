"""The authenticated user."""

from fastapi import APIRouter, FastAPI

from src.api.dependencies import CurrentPrincipal, Use
from src.api.problems import problems
from src.api.schemas.accounts import ChangePasswordRequest, UserResponse
from src.domain.user import UserProfile
from src.usecases.accounts.change_password import ChangePassword

router = APIRouter(prefix="/api/v1/users", tags=["users"])


async def read_me(principal: CurrentPrincipal) -> UserProfile:
    return principal.user


@router.put(
    "/me/password",
    status_code=204,
    responses=problems(401, 413, 422, 429, 503),
    description=ChangePassword.__doc__,
)
async def change_my_password(
    body: ChangePasswordRequest,
    principal: CurrentPrincipal,
    change_password: Use[ChangePassword],
) -> None:
    await change_password.execute(
        user_id=principal.user.id,
        session_id=principal.session_id,
        current_password=body.current_password,
        new_password=body.new_password,
    )


def add_hot_routes(app: FastAPI) -> None:
    """Add the route that clients call most."""
    app.add_api_route(
        "/api/v1/users/me",
        read_me,
        tags=["users"],
        response_model=UserResponse,
        responses=problems(401, 503),
        description="Return the user of the access token.",
    )
