"""The FastAPI application."""

import gc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache

import punq
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from src.api import routes
from src.api.dependencies import used
from src.api.docs import add_documentation
from src.api.drain import Drain
from src.api.middleware import HEADER, RequestMiddleware
from src.api.prefix import PrefixMiddleware, refuse_ambiguous
from src.api.problems import add_error_handlers
from src.usecases.operations.check_readiness import Dependency
from src.utils.modules import import_submodules

Resources = Callable[[punq.Container], AbstractAsyncContextManager[None]]


def create_app(  # noqa: PLR0913  each is an option of the application
    container: punq.Container,
    resources: Resources,
    *,
    title: str,
    description: str,
    version: str,
    docs_enabled: bool = True,
    cors_origins: Sequence[str] = (),
    root_path: str = "",
    drain_seconds: float = 0,
) -> FastAPI:
    """Return the application.

    `resources` keeps the container's connections open from start-up to shutdown. Browsers may call
    the API from pages of the `cors_origins`. A proxy publishes it under the prefix `root_path`.
    """
    drain = Drain(drain_seconds)
    if drain_seconds:
        check = Dependency(name="accepting", check=drain.check, is_required=True)
        container.register(Dependency, instance=check)
    app = FastAPI(
        title=title,
        description=description,
        version=version,
        lifespan=lambda _: _lifespan(container, resources, drain),
        generate_unique_id_function=lambda route: route.name,
        redirect_slashes=False,
        openapi_url="/openapi.json" if docs_enabled else None,
        docs_url=None,
        redoc_url=None,
        # FastAPI would look for a configured OpenTelemetry provider on each request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.container = container
    app.state.resolve = cache(container.resolve)  # each registration is one object
    add_error_handlers(app)
    _add_routes(app)
    if docs_enabled:
        add_documentation(app)
    _add_middleware(app, cors_origins, root_path)
    return app


def _add_middleware(app: FastAPI, cors_origins: Sequence[str], root_path: str) -> None:
    app.add_middleware(RequestMiddleware)
    if cors_origins:  # the outermost, so that a page can also read a 500
        app.add_middleware(
            CORSMiddleware,
            allow_origins=cors_origins,
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", HEADER],
            expose_headers=["Retry-After", HEADER],
        )
    if root_path:
        refuse_ambiguous(root_path, app.routes)
        app.add_middleware(PrefixMiddleware, prefix=root_path)


def _add_routes(app: FastAPI) -> None:
    """Include the router of every module in `routes`, after the hot routes.

    The lookup through an included router costs a tenth of `/health/live` and of a refresh.
    """
    modules = import_submodules(routes)
    for module in modules:
        if hasattr(module, "add_hot_routes"):
            module.add_hot_routes(app)
    for module in modules:
        app.include_router(module.router)


@asynccontextmanager
async def _lifespan(
    container: punq.Container, resources: Resources, drain: Drain
) -> AsyncIterator[None]:
    for use_case in used:
        container.resolve(use_case)  # a use case that the container does not know fails the start
    async with resources(container):
        # All objects that exist now live as long as the process: exempt them from collections.
        gc.collect()
        gc.freeze()
        drain.watch()
        yield
