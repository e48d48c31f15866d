"""Accounts and sessions."""

from typing import Any

from fastapi import Request

from src.api.dependencies import CurrentPrincipal, resolve
from src.api.errors import problems
from src.api.routes import Router
from src.api.schemas import (
    LoginRequest,
    RefreshRequest,
    RegisterRequest,
    TokenResponse,
    UserResponse,
)
from src.domain.user import User
from src.usecases.log_in import LogIn
from src.usecases.log_out import LogOut
from src.usecases.ports.security import TokenPair
from src.usecases.refresh_session import RefreshSession
from src.usecases.register_user import RegisterUser

# Links of OpenAPI: how an answer leads to the next request.
LOG_IN = {"email": "$request.body#/email", "password": "$request.body#/password"}
REFRESH = {"refresh_token": "$response.body#/refresh_token"}


def leads_to(operation: str, body: dict[str, str]) -> dict[str, Any]:
    """Return how OpenAPI describes what an answer can be used for."""
    return {"links": {operation: {"operationId": operation, "requestBody": body}}}


router = Router(prefix="/api/v1/auth", tags=["auth"])


@router.post(
    "/register",
    status_code=201,
    response_model=UserResponse,
    responses={201: leads_to("login", LOG_IN), **problems(409, 413, 422, 503)},
    description=RegisterUser.__doc__,
)
async def register(body: RegisterRequest, request: Request) -> User:
    return await resolve(request, RegisterUser).execute(email=body.email, password=body.password)


@router.post(
    "/login",
    response_model=TokenResponse,
    responses={200: leads_to("refresh", REFRESH), **problems(401, 413, 422, 429, 503)},
    description=LogIn.__doc__,
)
async def login(body: LoginRequest, request: Request) -> TokenPair:
    # Behind a proxy, Uvicorn takes it from the proxy's headers.
    address = request.client.host if request.client else ""
    return await resolve(request, LogIn).execute(
        email=body.email, password=body.password, address=address
    )


@router.post(
    "/refresh",
    response_model=TokenResponse,
    responses={200: leads_to("refresh", REFRESH), **problems(401, 413, 422, 503)},
    description=RefreshSession.__doc__,
)
async def refresh(body: RefreshRequest, request: Request) -> TokenPair:
    return await resolve(request, RefreshSession).execute(refresh_token=body.refresh_token)


@router.post("/logout", status_code=204, responses=problems(401, 503), description=LogOut.__doc__)
async def logout(principal: CurrentPrincipal, request: Request) -> None:
    await resolve(request, LogOut).execute(session_id=principal.session_id)
