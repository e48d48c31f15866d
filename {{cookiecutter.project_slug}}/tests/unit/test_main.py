import logging
import runpy
from collections.abc import Iterator

import httpx2
import pytest
import structlog
from fastapi import FastAPI

from tests.support.environment import Environment


@pytest.fixture(autouse=True)
def same_logging_afterwards() -> Iterator[None]:
    """Restore the configuration of logging, which the entry point replaces."""
    root = logging.getLogger()
    config = structlog.get_config()
    handlers = root.handlers[:]
    level = root.level
    yield
    structlog.configure(**config)
    root.handlers[:] = handlers
    root.level = level


def start() -> FastAPI:
    """Run the entry point of the API, and return its application."""
    app = runpy.run_module("src.main")["app"]
    assert isinstance(app, FastAPI)
    return app


def paths(app: FastAPI) -> set[str]:
    """Return the paths of routes and mounts that are not in routers."""
    return {getattr(route, "path", "") for route in app.routes}


def test_the_api_starts_without_any_server_and_has_a_title_and_a_version(
    complete: Environment,
) -> None:
    app = start()

    assert app.title
    assert app.description
    assert app.version


def test_an_api_without_settings_exits_with_a_message_that_names_them(
    environment: Environment,
) -> None:
    with pytest.raises(SystemExit) as end:
        start()

    assert "SECURITY_SECRET_KEY" in str(end.value.code)
    assert "POSTGRES_PASSWORD" in str(end.value.code)


def test_the_api_serves_its_documentation(complete: Environment) -> None:
    assert {"/docs", "/redoc", "/openapi.json"} <= paths(start())


def test_the_documentation_can_be_turned_off(complete: Environment) -> None:
    complete.set({}, APP_DOCS_ENABLED="false")

    documentation = {"/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect"}
    assert not documentation & paths(start())


@pytest.mark.parametrize(("origins", "allowed"), [("", None), ("https://a.example",) * 2])
async def test_only_pages_of_configured_origins_may_call_the_api(
    complete: Environment, origins: str, allowed: str | None
) -> None:
    complete.set({}, APP_CORS_ORIGINS=origins)
    transport = httpx2.ASGITransport(start())
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        for origin in ("https://a.example", "https://evil.example", "null"):
            response = await client.get("/health/live", headers={"Origin": origin})
            expected = allowed if origin == allowed else None
            assert response.headers.get("access-control-allow-origin") == expected
            assert "access-control-allow-credentials" not in response.headers
