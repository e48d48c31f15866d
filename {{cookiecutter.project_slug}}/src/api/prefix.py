"""Serves the API under a path prefix."""

from collections.abc import Iterable

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from src.utils.settings import SettingsError

AMBIGUOUS = (
    "APP_ROOT_PATH: {prefix} is also the beginning of the service's own path {path}. Choose another"
    " prefix"
)


class PrefixMiddleware:
    """Sets the prefix under which a proxy publishes the API (`root_path` of ASGI).

    A proxy may remove the prefix from the path, or leave it there.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "lifespan":
            path: str = scope["path"]
            if not path.startswith(f"{self._prefix}/"):
                path = self._prefix + path
            scope = {**scope, "root_path": self._prefix, "path": path}
        await self._app(scope, receive, send)


def refuse_ambiguous(prefix: str, routes: Iterable[BaseRoute]) -> None:
    """Raise `SettingsError` if a path with the prefix looks like a path without it."""
    for route in iter_route_contexts([*routes]):
        if f"{route.path}/".startswith(f"{prefix}/"):
            raise SettingsError(AMBIGUOUS.format(prefix=prefix, path=route.path))
