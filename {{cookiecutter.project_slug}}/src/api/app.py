"""The FastAPI application."""

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import punq
from fastapi import FastAPI

from src.api.errors import add_error_handlers
from src.api.middleware import RequestMiddleware
from src.api.routes import auth, health, users


def create_app(
    container: punq.Container,
    resources: Callable[[punq.Container], AbstractAsyncContextManager[None]],
    *,
    title: str,
    description: str,
    version: str,
) -> FastAPI:
    """Return the application.

    `resources` keeps open what the container's parts share, from start-up to shutdown. The rest is
    for the API's documentation.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with resources(container):
            # What exists now lives as long as the process: no collection need look at it again.
            gc.collect()
            gc.freeze()
            yield

    app = FastAPI(
        title=title,
        description=description,
        version=version,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.add_middleware(RequestMiddleware)
    app.state.container = container
    add_error_handlers(app)
    # Routes are tried in this order: first what is asked for most.
    app.include_router(health.router)
    app.include_router(users.router, prefix="/api/v1")
    app.include_router(auth.router, prefix="/api/v1")
    return app
