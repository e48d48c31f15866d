"""The user who asks."""

from fastapi import Request

from src.api.dependencies import CurrentPrincipal, resolve
from src.api.errors import problems
from src.api.routes import Router
from src.api.schemas import ChangePasswordRequest, UserResponse
from src.domain.user import UserProfile
from src.usecases.change_password import ChangePassword

router = Router(prefix="/api/v1/users", tags=["users"])


@router.get(
    "/me",
    response_model=UserResponse,
    responses=problems(401, 503),
    description="Return the user whom the access token speaks for.",
)
async def read_me(principal: CurrentPrincipal) -> UserProfile:
    return principal.user


@router.put(
    "/me/password",
    status_code=204,
    responses=problems(401, 413, 422, 429, 503),
    description=ChangePassword.__doc__,
)
async def change_my_password(
    body: ChangePasswordRequest, principal: CurrentPrincipal, request: Request
) -> None:
    await resolve(request, ChangePassword).execute(
        user_id=principal.user.id,
        session_id=principal.session_id,
        current_password=body.current_password,
        new_password=body.new_password,
    )
