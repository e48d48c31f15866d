"""The FastAPI application."""

import gc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import punq
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from src.api.docs import add_documentation
from src.api.drain import Drain
from src.api.errors import add_error_handlers
from src.api.middleware import HEADER, RequestMiddleware
from src.api.routes import auth, health, users

Resources = Callable[[punq.Container], AbstractAsyncContextManager[None]]
CORS: dict[str, Any] = {
    "allow_methods": ["GET", "POST", "PUT"],
    "allow_headers": ["Authorization", HEADER],
    "expose_headers": ["Retry-After", HEADER],
}


def create_app(
    container: punq.Container,
    resources: Resources,
    *,
    cors_origins: Sequence[str] = (),
    **documentation: Any,
) -> FastAPI:
    """Return the application.

    `resources` keeps open what the container's parts share, from start-up to shutdown. Pages of the
    `cors_origins` may call the API from a browser. The rest is for the API's documentation.
    """
    app = FastAPI(
        lifespan=lambda _: _lifespan(container, resources),
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        **documentation,
    )
    app.add_middleware(RequestMiddleware)
    if cors_origins:  # the outermost, so that a page can read a 500, too
        app.add_middleware(CORSMiddleware, allow_origins=cors_origins, **CORS)
    app.state.container = container
    add_error_handlers(app)
    # Tried in this order: first what is asked for most. `include_router` looks each request up
    # twice, a seventh of what it costs to answer `/health/live`; without it, `dependency_overrides`
    # reach no route: tests replace what the container gives.
    for router in (health.router, users.router, auth.router):
        app.router.routes += router.routes
    if app.openapi_url:
        add_documentation(app)
    return app


@asynccontextmanager
async def _lifespan(container: punq.Container, resources: Resources) -> AsyncIterator[None]:
    async with resources(container):
        # What exists now lives as long as the process: no collection need look at it again.
        gc.collect()
        gc.freeze()
        container.resolve(Drain).watch()
        yield
