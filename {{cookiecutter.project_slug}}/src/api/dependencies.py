"""What routes ask for: a use case, or who makes the request."""

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from src.usecases.authenticate import Authenticate, Principal


def provided(use_case: type[Any]) -> Any:
    """Have FastAPI pass the use case of this type to the route."""

    # A coroutine, although it awaits nothing: FastAPI would send a plain function to a thread.
    async def provide(request: Request) -> Any:
        return request.app.state.container.resolve(use_case)

    return Depends(provide)


class AccessToken(HTTPBearer):
    """The scheme of OpenAPI and its check in one: each dependency costs a request its share."""

    async def __call__(self, request: Request) -> Principal:  # type: ignore[override]
        """Return who it is, or raise `AuthenticationError`."""
        credentials = await super().__call__(request)
        authenticate: Authenticate = request.app.state.container.resolve(Authenticate)
        return await authenticate.execute(credentials.credentials if credentials else None)


access_token = AccessToken(
    scheme_name="HTTPBearer",
    auto_error=False,
    description="The access token of a login or a refresh.",
)
CurrentPrincipal = Annotated[Principal, Depends(access_token)]
