"""What routes ask for: a use case, or who makes the request."""

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from src.usecases.authenticate import Authenticate, Principal

bearer = HTTPBearer(auto_error=False, description="The access token of a login or a refresh.")


def provided(use_case: type[Any]) -> Any:
    """Have FastAPI pass the use case of this type to the route."""

    # A coroutine, although it awaits nothing: FastAPI would send a plain function to a thread.
    async def provide(request: Request) -> Any:
        return request.app.state.container.resolve(use_case)

    return Depends(provide)


async def authenticated(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    authenticate: Annotated[Authenticate, provided(Authenticate)],
) -> Principal:
    """Return who makes the request, or answer 401."""
    return await authenticate.execute(credentials.credentials if credentials else None)


async def client_address(request: Request) -> str:
    """Return where the request comes from; behind a proxy, what Uvicorn took from its headers."""
    return request.client.host if request.client else ""


ClientAddress = Annotated[str, Depends(client_address)]
CurrentPrincipal = Annotated[Principal, Depends(authenticated)]
