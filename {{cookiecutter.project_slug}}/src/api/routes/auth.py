"""Accounts and sessions."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Response

from src.api.dependencies import CurrentPrincipal, provided
from src.api.errors import responses
from src.api.schemas.auth import LoginRequest, RefreshRequest, RegisterRequest, TokenResponse
from src.api.schemas.users import UserResponse
from src.domain.user import UserProfile
from src.usecases.log_in import LogIn, LogInCommand
from src.usecases.log_out import LogOut, LogOutCommand
from src.usecases.refresh_session import RefreshSession, RefreshSessionCommand
from src.usecases.register_user import RegisterUser, RegisterUserCommand
from src.usecases.token_issuer import TokenPair

router = APIRouter(prefix="/auth", tags=["auth"])

NO_STORE = {"Cache-Control": "no-store"}


@router.post(
    "/register",
    status_code=HTTPStatus.CREATED,
    response_model=UserResponse,
    responses=responses(HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY),
    description=RegisterUser.__doc__,
)
async def register(
    body: RegisterRequest, register_user: Annotated[RegisterUser, provided(RegisterUser)]
) -> UserProfile:
    return await register_user.execute(
        RegisterUserCommand(email=body.email, password=body.password)
    )


@router.post(
    "/login",
    response_model=TokenResponse,
    responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY),
    description=LogIn.__doc__,
)
async def login(
    body: LoginRequest, response: Response, log_in: Annotated[LogIn, provided(LogIn)]
) -> TokenPair:
    response.headers.update(NO_STORE)
    return await log_in.execute(LogInCommand(email=body.email, password=body.password))


@router.post(
    "/refresh",
    response_model=TokenResponse,
    responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY),
    description=RefreshSession.__doc__,
)
async def refresh(
    body: RefreshRequest,
    response: Response,
    refresh_session: Annotated[RefreshSession, provided(RefreshSession)],
) -> TokenPair:
    response.headers.update(NO_STORE)
    return await refresh_session.execute(RefreshSessionCommand(refresh_token=body.refresh_token))


@router.post(
    "/logout",
    status_code=HTTPStatus.NO_CONTENT,
    responses=responses(HTTPStatus.UNAUTHORIZED),
    description=LogOut.__doc__,
)
async def logout(principal: CurrentPrincipal, log_out: Annotated[LogOut, provided(LogOut)]) -> None:
    await log_out.execute(LogOutCommand(session_id=principal.session_id))
