import logging
import runpy
from collections.abc import Iterator

import httpx2
import pytest
import structlog
from fastapi import FastAPI

from tests.support.environment import COMPLETE, Environment


@pytest.fixture(autouse=True)
def same_logging_afterwards() -> Iterator[None]:
    root, config = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**config)
    root.handlers[:], root.level = handlers, level


def start() -> FastAPI:
    app = runpy.run_module("src.main")["app"]
    assert isinstance(app, FastAPI)
    return app


def test_the_api_starts_without_any_server_and_names_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Environment(monkeypatch).set(COMPLETE)

    app = start()

    assert app.title
    assert app.description
    assert app.version


def test_the_api_serves_its_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    Environment(monkeypatch).set(COMPLETE)

    app = start()

    assert {"/docs", "/redoc"} <= {getattr(route, "path", "") for route in app.routes}


def test_an_api_without_settings_ends_with_a_sentence_that_names_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Environment(monkeypatch)

    with pytest.raises(SystemExit) as end:
        start()

    assert "SECURITY_SECRET_KEY" in str(end.value.code)
    assert "POSTGRES_PASSWORD" in str(end.value.code)


def test_the_documentation_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    Environment(monkeypatch).set(COMPLETE, APP_DOCS_ENABLED="false")

    app = start()

    paths = {getattr(route, "path", "") for route in app.routes}
    assert not paths & {"/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect"}


@pytest.mark.parametrize(("origins", "allowed"), [("", None), ("https://a.example",) * 2])
async def test_a_page_of_another_origin_may_call_the_api_if_it_is_named(
    monkeypatch: pytest.MonkeyPatch, origins: str, allowed: str | None
) -> None:
    Environment(monkeypatch).set(COMPLETE, APP_CORS_ORIGINS=origins)
    transport = httpx2.ASGITransport(start())
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        for origin in ("https://a.example", "https://evil.example", "null"):
            response = await client.get("/health/live", headers={"Origin": origin})
            expected = allowed if origin == allowed else None
            assert response.headers.get("access-control-allow-origin") == expected
            assert "access-control-allow-credentials" not in response.headers
