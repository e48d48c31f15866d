"""The service as its clients see it."""

from collections.abc import AsyncIterator

import httpx2
import punq
import pytest
from src.repositories.db import notify

from src.config import Settings
from src.container import build_container
from src.usecases.ports.messaging import MessageHandler
from tests.support.accounts import Account, Login, register
from tests.support.events import Spy
from tests.support.service import serving


@pytest.fixture(scope="module")
async def api(
    settings: Settings, cache_server: None, message_server: None
) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the running API."""
    async with serving(build_container(settings)) as client:
        yield client


@pytest.fixture
async def account(api: httpx2.AsyncClient) -> Account:
    """A new account."""
    return await register(api)


@pytest.fixture
async def login(account: Account) -> Login:
    """A session of the account."""
    return await account.log_in()


@pytest.fixture
def worker(settings: Settings) -> punq.Container:
    """The parts of a worker."""
    return build_container(settings)


@pytest.fixture(autouse=True)
def eager_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have workers look for events more often than once a second."""
    monkeypatch.setattr(notify, "POLL_SECONDS", 0.1)


@pytest.fixture
def spy(worker: punq.Container) -> Spy:
    spy = Spy(worker)
    worker.register(MessageHandler, instance=spy)
    return spy
