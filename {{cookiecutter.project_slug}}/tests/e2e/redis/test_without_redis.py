"""The API and the operators' commands without Redis."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from src.container import build_container
from src.manage import command_line, run
from src.repositories.cache.redis import cache as redis_cache
from src.utils.settings import Settings
from tests.support.accounts import Account, register
from tests.support.network import closed_port
from tests.support.service import servers_of, serving, without


@pytest.fixture(autouse=True)
def short_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make processes stop without waiting for a Redis that never comes back."""
    monkeypatch.setattr(redis_cache, "STOP_SECONDS", 0.1)


@pytest.fixture
async def api_without_redis(
    settings: Settings, message_server: None
) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of an API that has a closed port in place of Redis."""
    async with serving(build_container(without(settings, "redis"))) as api:
        yield api


async def test_without_redis_the_service_is_ready_and_reports_redis_as_unavailable(
    api_without_redis: httpx2.AsyncClient, settings: Settings
) -> None:
    response = await api_without_redis.get("/health/ready")
    states = dict.fromkeys(servers_of(settings), "ok") | {"redis": "unavailable"}
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "dependencies": states}


async def test_without_redis_users_register_log_in_and_are_read(
    api_without_redis: httpx2.AsyncClient,
) -> None:
    account = await register(api_without_redis)
    login = await account.log_in()
    assert (await login.me()).json()["id"] == account.id
    assert (await login.log_out()).status_code == 204
    assert (await login.me()).status_code == 401


async def test_without_redis_an_operator_who_closes_an_account_reads_that_sessions_may_live_on(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_HOST", "127.0.0.1")
    monkeypatch.setenv("REDIS_PORT", str(closed_port()))
    arguments = command_line().parse_args(["deactivate", account.email])
    with pytest.raises(SystemExit, match="The account is closed, but the cache does not answer"):
        await run(arguments)
