"""What routes ask for: a use case, or who makes the request."""

from typing import Annotated, TypeVar, cast

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from src.usecases.authenticate import Authenticate, Principal

T = TypeVar("T")


def resolve(request: Request, use_case: type[T]) -> T:
    """Return the use case of this type. It is no dependency: each costs a request its share."""
    return cast("T", request.app.state.container.resolve(use_case))


class AccessToken(HTTPBearer):
    """The scheme of OpenAPI and its check in one."""

    async def __call__(self, request: Request) -> Principal:  # type: ignore[override]
        """Return who it is, or raise `AuthenticationError`."""
        credentials = await super().__call__(request)
        return await resolve(request, Authenticate).execute(
            credentials.credentials if credentials else None
        )


access_token = AccessToken(
    scheme_name="HTTPBearer",
    auto_error=False,
    description="The access token of a login or a refresh.",
)
CurrentPrincipal = Annotated[Principal, Depends(access_token)]
