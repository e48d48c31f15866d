"""The dependencies of routes: a use case, or the authenticated principal.

    @router.post("/orders")
    async def place_order(
        body: PlaceOrderRequest, principal: CurrentPrincipal, place_order: Use[PlaceOrder]
    ) -> Order: ...

A test replaces either one as FastAPI documents it:

    app.dependency_overrides[use(PlaceOrder)] = lambda: FakePlaceOrder()
    app.dependency_overrides[current_principal] = lambda: principal
"""

from collections.abc import Awaitable, Callable
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from src.usecases.accounts.authenticate import Authenticate, Principal

T = TypeVar("T")

used: set[type] = set()
"""Every use case that a route depends on. The application resolves them all when it starts."""


def _resolve(request: Request, use_case: type[T]) -> T:
    resolve: Callable[[type[T]], T] = request.app.state.resolve
    return resolve(use_case)


@cache
def use(use_case: type[T]) -> Callable[[Request], Awaitable[T]]:
    """Return the dependency that provides a use case: the same one for each call."""
    used.add(use_case)

    async def provide(request: Request) -> T:
        return _resolve(request, use_case)

    return provide


if TYPE_CHECKING:
    Use = Annotated[T, "the use case from the container"]
else:

    class Use:
        """`Use[PlaceOrder]` is `Annotated[PlaceOrder, Depends(use(PlaceOrder))]`."""

        def __class_getitem__(cls, use_case: type) -> Any:
            return Annotated[use_case, Depends(use(use_case))]


class AccessToken(HTTPBearer):
    """The security scheme of OpenAPI, and the check of the access token."""

    async def __call__(self, request: Request) -> Principal:  # type: ignore[override]
        """Return the principal, or raise `AuthenticationError`."""
        credentials = await super().__call__(request)
        token = credentials.credentials if credentials else None
        return await _resolve(request, Authenticate).execute(token)


current_principal = AccessToken(
    scheme_name="HTTPBearer",
    auto_error=False,
    description="The access token of a login or a refresh.",
)
CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
