"""The API while its cache is away."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from src.config import Settings
from src.container import build_container
from tests.support.accounts import register
from tests.support.service import servers_of, serving, without


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    async with serving(build_container(without(settings, "redis"))) as api:
        yield api


async def test_without_its_cache_the_service_is_ready_and_says_what_is_gone(
    api: httpx2.AsyncClient, settings: Settings
) -> None:
    response = await api.get("/health/ready")
    states = dict.fromkeys(servers_of(settings), "ok") | {"redis": "unavailable"}
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "dependencies": states}


async def test_without_its_cache_users_register_log_in_and_are_read(
    api: httpx2.AsyncClient,
) -> None:
    account = await register(api)
    login = await account.log_in()
    assert (await login.me()).json()["id"] == account.id
    assert (await login.log_out()).status_code == 204
    assert (await login.me()).status_code == 401
