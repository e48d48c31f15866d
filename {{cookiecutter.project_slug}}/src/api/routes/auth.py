"""Registration, login and sessions."""

from typing import Any

from fastapi import APIRouter, FastAPI, Request

from src.api.dependencies import CurrentPrincipal, Use
from src.api.problems import problems
from src.api.schemas.accounts import (
    LoginRequest,
    RefreshRequest,
    RegisterRequest,
    TokenResponse,
    UserResponse,
)
from src.domain.user import User
from src.usecases.accounts.log_in import LogIn
from src.usecases.accounts.log_out import LogOut
from src.usecases.accounts.refresh_session import RefreshSession
from src.usecases.accounts.register_user import RegisterUser
from src.usecases.ports.token_service import TokenPair

# Links of OpenAPI: how a response leads to the next request.
LOG_IN = {"email": "$request.body#/email", "password": "$request.body#/password"}
REFRESH = {"refresh_token": "$response.body#/refresh_token"}


def leads_to(operation: str, body: dict[str, str]) -> dict[str, Any]:
    """Return the part of OpenAPI that links a response to the next request."""
    return {"links": {operation: {"operationId": operation, "requestBody": body}}}


router = APIRouter(prefix="/api/v1/auth", tags=["auth"])


@router.post(
    "/register",
    status_code=201,
    response_model=UserResponse,
    responses={201: leads_to("login", LOG_IN), **problems(409, 413, 422, 503)},
    description=RegisterUser.__doc__,
)
async def register(body: RegisterRequest, register_user: Use[RegisterUser]) -> User:
    return await register_user.execute(email=body.email, password=body.password)


@router.post(
    "/login",
    response_model=TokenResponse,
    responses={200: leads_to("refresh", REFRESH), **problems(401, 413, 422, 429, 503)},
    description=LogIn.__doc__,
)
async def login(body: LoginRequest, request: Request, log_in: Use[LogIn]) -> TokenPair:
    # Behind a proxy, Uvicorn takes the address from the proxy's headers.
    address = request.client.host if request.client else ""
    return await log_in.execute(email=body.email, password=body.password, address=address)


async def refresh(body: RefreshRequest, refresh_session: Use[RefreshSession]) -> TokenPair:
    return await refresh_session.execute(refresh_token=body.refresh_token)


@router.post("/logout", status_code=204, responses=problems(401, 503), description=LogOut.__doc__)
async def logout(principal: CurrentPrincipal, log_out: Use[LogOut]) -> None:
    await log_out.execute(session_id=principal.session_id)


def add_hot_routes(app: FastAPI) -> None:
    """Add the refresh, which every client repeats during a session."""
    app.add_api_route(
        "/api/v1/auth/refresh",
        refresh,
        methods=["POST"],
        tags=["auth"],
        response_model=TokenResponse,
        responses={200: leads_to("refresh", REFRESH), **problems(401, 413, 422, 503)},
        description=RefreshSession.__doc__,
    )
