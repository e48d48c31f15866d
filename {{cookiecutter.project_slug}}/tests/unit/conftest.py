"""Fixtures for use cases on fakes: no server, and a clock that tests advance."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial

import httpx2
import punq
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs
from structlog.typing import EventDict

from src.api.app import create_app
from src.container import build_container, load_settings
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase
from tests.fakes.unit_of_work import InMemoryUnitOfWork
from tests.support.environment import Environment


@pytest.fixture(autouse=True)
def no_forgotten_commit() -> Iterator[None]:
    """Fail a test in which a unit of work is left without a commit of its changes."""
    InMemoryUnitOfWork.forgotten.clear()
    yield
    if InMemoryUnitOfWork.forgotten:
        changed = ", ".join(sorted({*InMemoryUnitOfWork.forgotten}))
        pytest.fail(
            f"A unit of work was left with uncommitted changes ({changed}):"
            " call `await uow.commit()`.",
            pytrace=False,
        )


@pytest.fixture(autouse=True)
def log_lines() -> Iterator[list[EventDict]]:
    """The log lines of the test, which are not written to the output."""
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def store() -> InMemoryDatabase:
    return InMemoryDatabase()


@pytest.fixture
def unit_of_work(store: InMemoryDatabase, clock: MovableClock) -> UnitOfWorkFactory:
    return partial(InMemoryUnitOfWork, store, clock)


@asynccontextmanager
async def no_resources(_: punq.Container) -> AsyncIterator[None]:
    """Open nothing, in place of `open_resources`."""
    yield


@pytest.fixture
def app(complete: Environment) -> FastAPI:
    """The application, without any server."""
    return create_app(
        build_container(load_settings()),
        no_resources,
        title="This Service",
        description="Serves.",
        version="1.2.3",
    )


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the application."""
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client
