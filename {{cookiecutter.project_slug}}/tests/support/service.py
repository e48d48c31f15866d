"""The service in this process: the API under Uvicorn on a free port, and the worker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import punq
import uvicorn

from src.api.app import create_app
from src.config import Settings
from src.consume_worker import work
from src.container import open_resources
from src.usecases.ports.messaging import EventConsumer
from tests.support.network import closed_port
from tests.support.waiting import eventually


def servers_of(settings: Settings) -> list[str]:
    """Return the names of the servers that the service talks to."""
    return [name for name, group in vars(settings).items() if hasattr(group, "host")]


def without(settings: Settings, *servers: str) -> Settings:
    """Return settings that name ports where nobody listens."""
    nowhere = {"host": "127.0.0.1", "port": closed_port()}
    gone = {name: getattr(settings, name).model_copy(update=nowhere) for name in servers}
    return settings.model_copy(update=gone)


@asynccontextmanager
async def serving(container: punq.Container) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve the API while the context is open, and return a client of it."""
    app = create_app(container, open_resources, title="The service", description="", version="1")
    config = uvicorn.Config(app, host="127.0.0.1", port=0, ws="none", log_config=None)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())

    async def has_started() -> bool:
        if task.done():
            task.result()
        return server.started

    await eventually(has_started)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        yield client
    server.should_exit = True
    await task


@asynccontextmanager
async def working(container: punq.Container, settings: Settings) -> AsyncIterator[None]:
    """Have a worker consume while the context is open."""
    consumer = container.resolve(EventConsumer)
    stop = asyncio.Event()
    task = asyncio.create_task(work(container, settings.worker, stop))

    async def consumes() -> bool:
        if task.done():
            task.result()
        return bool(consumer.is_consuming)

    try:
        await eventually(consumes)
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)
