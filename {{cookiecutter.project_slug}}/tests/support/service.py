"""The service in this process: the API under Uvicorn on a free port, and the worker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import punq
import uvicorn

from src.api.app import create_app
from src.config import WorkerSettings
from src.consume_worker import work
from src.container import PARTS, open_service
from src.usecases.ports.messaging import EventConsumer
from src.utils.server_settings import ServerSettings
from src.utils.settings import Settings
from tests.support.documentation import requires_documented_status
from tests.support.network import closed_port
from tests.support.waiting import eventually


def servers_of(settings: Settings) -> dict[str, ServerSettings]:
    """Return the settings of every server that the service uses, by the server's name."""
    groups = [group for part in PARTS for group in part.settings]
    return {
        group.variable("").rstrip("_").lower(): settings[group]
        for group in groups
        if issubclass(group, ServerSettings)
    }


def without(settings: Settings, *servers: str) -> Settings:
    """Return settings in which these servers have a closed port."""
    closed = {"host": "127.0.0.1", "port": closed_port()}
    groups = servers_of(settings)
    return settings.replace(*(groups[name].model_copy(update=closed) for name in servers))


@asynccontextmanager
async def serving(container: punq.Container) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve the API while the context is open, and return a client of it.

    The client fails at a status that the operation does not document.
    """
    app = create_app(container, open_service, title="The service", description="", version="1")
    config = uvicorn.Config(app, host="127.0.0.1", port=0, ws="none", log_config=None)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())

    async def has_started() -> bool:
        if task.done():
            task.result()
        return server.started

    await eventually(has_started)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{port}",
        timeout=60,
        event_hooks={"response": [requires_documented_status(app)]},
    ) as client:
        yield client
    server.should_exit = True
    await task


@asynccontextmanager
async def working(container: punq.Container, settings: Settings) -> AsyncIterator[None]:
    """Run a worker that consumes while the context is open."""
    consumer = container.resolve(EventConsumer)
    stop = asyncio.Event()
    task = asyncio.create_task(work(container, settings[WorkerSettings], stop))

    async def consumes() -> bool:
        if task.done():
            task.result()
        return bool(consumer.is_consuming)

    try:
        await eventually(consumes)
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 60)
