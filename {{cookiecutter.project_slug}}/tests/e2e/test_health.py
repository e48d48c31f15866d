"""Liveness and readiness, with and without servers."""

import httpx2
import pytest

from src.config import PostgresSettings
from src.container import build_container
from src.usecases.operations import check_readiness
from src.utils.settings import Settings
from tests.support.accounts import register
from tests.support.network import Proxy
from tests.support.service import servers_of, serving, without


async def test_with_all_servers_the_service_is_alive_and_ready(
    api: httpx2.AsyncClient, settings: Settings
) -> None:
    live = await api.get("/health/live")
    ready = await api.get("/health/ready")
    assert (live.status_code, live.json()) == (200, {"status": "alive"})
    assert ready.status_code == 200
    states = dict.fromkeys(servers_of(settings), "ok")
    assert ready.json() == {"status": "ready", "dependencies": states}


async def test_without_postgres_the_service_is_alive_and_not_ready(
    settings: Settings, cache_server: None, message_server: None
) -> None:
    async with serving(build_container(without(settings, "postgres"))) as api:
        live = await api.get("/health/live")
        ready = await api.get("/health/ready")
    assert live.status_code == 200
    assert ready.status_code == 503
    states = dict.fromkeys(servers_of(settings), "ok") | {"postgres": "unavailable"}
    assert ready.json() == {"status": "unavailable", "dependencies": states}


async def test_a_postgres_that_hangs_makes_the_service_unready_and_does_not_block_the_response(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_readiness, "TIMEOUT_SECONDS", 0.3)
    postgres = settings[PostgresSettings]
    async with Proxy(postgres.host, postgres.port).running() as proxy:
        here = {"host": "127.0.0.1", "port": proxy.port}
        proxy.hang()
        hanging = settings.replace(postgres.model_copy(update=here))
        async with serving(build_container(hanging)) as api:
            response = await api.get("/health/ready")
            assert response.status_code == 503
            assert response.json()["dependencies"]["postgres"] == "unavailable"
            proxy.cut()


async def test_a_service_that_lost_its_connections_to_postgres_opens_new_ones(
    settings: Settings,
) -> None:
    postgres = settings[PostgresSettings]
    async with Proxy(postgres.host, postgres.port).running() as proxy:
        here = {"host": "127.0.0.1", "port": proxy.port}
        proxied = settings.replace(postgres.model_copy(update=here))
        async with serving(build_container(proxied)) as api:
            account = await register(api)
            proxy.cut()
            login = await account.log_in()
            assert (await login.me()).status_code == 200
