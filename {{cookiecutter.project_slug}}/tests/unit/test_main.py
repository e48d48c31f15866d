import logging
import runpy
from collections.abc import Iterator

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
