"""Health, with servers that are there and servers that are gone."""

import httpx2
import pytest

from src.config import Settings
from src.container import build_container
from src.usecases import check_readiness
from tests.support.accounts import register
from tests.support.network import Proxy
from tests.support.service import servers_of, serving, without


async def test_with_all_servers_the_service_is_alive_and_ready(
    api: httpx2.AsyncClient, settings: Settings
) -> None:
    live, ready = await api.get("/health/live"), await api.get("/health/ready")
    assert (live.status_code, live.json()) == (200, {"status": "alive"})
    assert ready.status_code == 200
    states = dict.fromkeys(servers_of(settings), "ok")
    assert ready.json() == {"status": "ready", "dependencies": states}


async def test_without_postgres_the_service_is_alive_and_not_ready(settings: Settings) -> None:
    async with serving(build_container(without(settings, "postgres"))) as api:
        live, ready = await api.get("/health/live"), await api.get("/health/ready")
    assert live.status_code == 200
    assert ready.status_code == 503
    states = dict.fromkeys(servers_of(settings), "ok") | {"postgres": "unavailable"}
    assert ready.json() == {"status": "unavailable", "dependencies": states}


async def test_a_postgres_that_hangs_makes_the_service_unready_and_does_not_hang_the_answer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_readiness, "TIMEOUT_SECONDS", 0.3)
    async with Proxy(settings.postgres.host, settings.postgres.port).running() as proxy:
        hanging = settings.postgres.model_copy(update={"host": "127.0.0.1", "port": proxy.port})
        proxy.hang()
        async with serving(
            build_container(settings.model_copy(update={"postgres": hanging}))
        ) as api:
            response = await api.get("/health/ready", timeout=2)
            assert response.status_code == 503
            assert response.json()["dependencies"]["postgres"] == "unavailable"
            proxy.cut()


async def test_a_service_whose_postgres_connections_were_lost_serves_again(
    settings: Settings,
) -> None:
    async with Proxy(settings.postgres.host, settings.postgres.port).running() as proxy:
        proxied = settings.postgres.model_copy(update={"host": "127.0.0.1", "port": proxy.port})
        async with serving(
            build_container(settings.model_copy(update={"postgres": proxied}))
        ) as api:
            account = await register(api)
            proxy.cut()
            first = await (await account.api.get("/health/ready")).aread()
            assert first
            login = await account.log_in()
            assert (await login.me()).status_code == 200
