"""The service as its clients see it."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import punq
import pytest

from src.container import build_container
from src.domain import session
from src.repositories.outbox import notify
from src.utils.settings import Settings
from tests.support.accounts import Account, Login, register
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
def worker(settings: Settings, cache_server: None, message_server: None) -> punq.Container:
    """The parts of a worker."""
    return build_container(settings)


@pytest.fixture(autouse=True)
def eager_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make workers poll for events ten times a second."""
    monkeypatch.setattr(notify, "POLL_SECONDS", 0.1)


@pytest.fixture(autouse=True)
def long_grace_period(monkeypatch: pytest.MonkeyPatch) -> None:
    """Extend the grace period to an hour, because requests are slow on a busy machine."""
    monkeypatch.setattr(session, "REFRESH_GRACE", timedelta(hours=1))
