"""An outage as operators see it: the log, the readiness, and the recovery."""

import io
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest
import structlog

from src.api import middleware
from src.config import PostgresSettings
from src.container import build_container
from src.utils import logging
from src.utils.settings import Settings
from tests.support.accounts import PASSWORD, Account, post, register
from tests.support.postgres import read_only
from tests.support.problems import problem_of
from tests.support.service import servers_of, serving, without

REQUESTS = 20
SHORT = 600
"""The bytes of a line that names an error. A traceback has more than five thousand."""


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Log as in production, into a buffer."""
    config = structlog.get_config()
    logging._traced_at.clear()
    output = io.StringIO()
    structlog.configure(
        processors=[*logging.SHARED, structlog.processors.JSONRenderer(default=str)],
        logger_factory=structlog.WriteLoggerFactory(output),
    )
    # A logger of a module keeps the configuration of its first use, maybe in another test.
    monkeypatch.setattr(middleware, "log", structlog.get_logger())
    yield output
    structlog.configure(**config)


def lines_of(written: io.StringIO, response: httpx2.Response) -> list[dict[str, Any]]:
    """Return the log lines of a request."""
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    return [line for line in lines if line.get("request_id") == response.headers["x-request-id"]]


async def test_in_an_outage_a_request_writes_one_short_line_and_the_traceback_comes_once_a_minute(
    settings: Settings, written: io.StringIO, cache_server: None, message_server: None
) -> None:
    async with serving(build_container(without(settings, "postgres"))) as api:
        responses = [
            await post(api, "login", email="ada@example.com", password=PASSWORD)
            for _ in range(REQUESTS)
        ]
    lines = []
    for response in responses:
        problem_of(response, 503, "unavailable")
        [line] = lines_of(written, response)
        assert (line["level"], line["status"], line["problem"]) == ("error", 503, "unavailable")
        lines.append(line)
    assert ["exception" in line for line in lines] == [True] + [False] * (REQUESTS - 1)
    for line in lines[1:]:
        assert "Error" in line["error"]
        assert len(json.dumps(line)) < SHORT


@pytest.fixture
async def stale_api(
    settings: Settings, cache_server: None, message_server: None
) -> AsyncIterator[httpx2.AsyncClient]:
    """An API whose connections to Postgres were all opened while the server was read-only."""
    postgres = settings[PostgresSettings].model_copy(update={"pool_size": 2})
    async with AsyncExitStack() as stack:
        async with read_only(postgres):  # the start opens the first one
            container = build_container(settings.replace(postgres))
            api = await stack.enter_async_context(serving(container))
        yield api


async def test_an_api_recovers_at_once_from_a_postgres_that_was_read_only(
    settings: Settings, stale_api: httpx2.AsyncClient, account: Account
) -> None:
    elsewhere = Account(stale_api, account.id, account.email)
    states = dict.fromkeys(servers_of(settings), "ok")
    async with read_only(settings[PostgresSettings]):
        for _ in range(3):
            response = await post(stale_api, "login", email=account.email, password=PASSWORD)
            problem_of(response, 503, "unavailable")
        ready = await stale_api.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["dependencies"] == states | {"postgres": "read-only"}
    assert (await (await elsewhere.log_in()).me()).status_code == 200
    ready = await stale_api.get("/health/ready")
    assert ready.json() == {"status": "ready", "dependencies": states}


async def test_the_readiness_check_alone_finds_a_postgres_that_is_writable_again(
    settings: Settings, stale_api: httpx2.AsyncClient
) -> None:
    async with read_only(settings[PostgresSettings]):
        assert (await stale_api.get("/health/ready")).status_code == 503
    assert (await stale_api.get("/health/ready")).status_code == 200
    await register(stale_api)
