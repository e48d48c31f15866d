"""The entry points as separate processes, as containers run them."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import orjson
import pytest

from src.config import SERVICE, PostgresSettings
from src.repositories.postgres.engine import time_limits
from src.repositories.postgres.pooler import role_limits
from src.utils.settings import ROOT, Settings
from tests.support import isolation
from tests.support.network import closed_port
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(600)
START_SECONDS = 240
"""The time for a process to start or stop: on a busy machine a start takes a minute."""
WORKER = ["-m", "src.consume_worker"]


def uvicorn(port: int) -> list[str]:
    """Return the arguments with which the image starts the API, with another port."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    [command] = [line for line in lines if line.startswith("CMD ")]
    return ["-m", *orjson.loads(command.removeprefix("CMD ")), "--port", str(port)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the service and without a `.env`."""
    for name in ("src", "migrations", "alembic.ini", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@asynccontextmanager
async def running(
    folder: Path, arguments: list[str], environment: dict[str, str] | None = None
) -> AsyncIterator[Process]:
    """Run a process, and kill it if it still runs when the context is left."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=folder, env=environment, stdout=PIPE, stderr=STDOUT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def output_until(process: Process, event: str) -> dict[str, object]:
    """Return the log line of an event. Fail if a line before it is not JSON."""
    assert process.stdout is not None
    async with asyncio.timeout(START_SECONDS):
        async for line in process.stdout:
            logged: dict[str, object] = orjson.loads(line)
            if logged["event"] == event:
                return logged
    raise AssertionError(f"the process ended without logging {event!r}")


async def until_ready(process: Process, client: httpx2.AsyncClient) -> None:
    """Wait until the API is ready."""

    async def is_ready() -> bool:
        try:
            return (await client.get("/health/ready")).status_code == 200
        except httpx2.TransportError:
            assert process.returncode is None
            return False

    await eventually(is_ready, seconds=START_SECONDS)


async def test_the_api_starts_and_stops_cleanly_after_sigterm(
    settings: Settings, folder: Path
) -> None:
    port = closed_port()
    async with (
        running(folder, uvicorn(port)) as process,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        await until_ready(process, client)
        assert "server" not in (await client.get("/nowhere")).headers
        process.send_signal(signal.SIGTERM)
        output, _ = await asyncio.wait_for(process.communicate(), START_SECONDS)
    events = [orjson.loads(line)["event"] for line in output.splitlines()]
    assert "Application shutdown complete." in events
    # Uvicorn shuts down and then exits as the signal would have ended it.
    assert process.returncode in {0, -signal.SIGTERM}


async def test_the_worker_starts_consumes_and_stops_cleanly_after_sigterm(
    settings: Settings, message_server: None, folder: Path
) -> None:
    async with running(folder, WORKER) as process:
        await output_until(process, "consuming")
        process.send_signal(signal.SIGTERM)
        await output_until(process, "worker_stopped")
        assert await asyncio.wait_for(process.wait(), START_SECONDS) == 0


ENTRIES = {
    "api": uvicorn(closed_port()),
    "worker": WORKER,
    "operator": ["-m", "src.manage", "dead-letters"],
    "migrations": ["-m", "alembic", "upgrade", "head"],
}


@pytest.mark.parametrize("entry", ENTRIES)
async def test_without_a_required_setting_every_entry_point_exits_and_names_the_variable(
    settings: Settings, folder: Path, entry: str
) -> None:
    missing = "POSTGRES_USER" if entry == "migrations" else "SECURITY_SECRET_KEY"
    environment = {k: v for k, v in os.environ.items() if k != missing}
    async with running(folder, ENTRIES[entry], environment) as process:
        output, _ = await asyncio.wait_for(process.communicate(), START_SECONDS)
        assert process.returncode == 1
        assert output.decode().splitlines() == [
            "The settings do not allow a start:",
            f"  {missing}: is missing or empty",
        ]


@pytest.mark.parametrize("entry", ["api", "worker", "migrations"])
async def test_a_database_of_another_service_stops_a_start_with_one_sentence(
    empty_database: PostgresSettings,
    cache_server: None,
    message_server: None,
    folder: Path,
    entry: str,
) -> None:
    await asyncio.to_thread(isolation.migrate, "head")
    await isolation.execute(empty_database, "UPDATE schema_history SET service = 'another'")
    refusal = f"{empty_database.db} belongs to the service another, and this service is {SERVICE}"
    async with running(folder, ENTRIES[entry]) as process:
        output, _ = await asyncio.wait_for(process.communicate(), START_SECONDS)
    assert process.returncode not in {0, None}
    [sentence] = [line for line in output.decode().splitlines() if refusal in line]
    assert "run `python -m src.manage adopt-database`." in sentence
    assert b"Traceback" not in output


@pytest.mark.parametrize("entry", ["api", "worker"])
async def test_time_limits_that_are_not_in_force_stop_a_start_with_one_sentence(
    empty_database: PostgresSettings,
    cache_server: None,
    message_server: None,
    folder: Path,
    entry: str,
) -> None:
    await asyncio.to_thread(isolation.migrate, "head")
    none = dict.fromkeys(time_limits(), 0)
    limits = role_limits(empty_database.user, empty_database.db, none)
    await isolation.execute(empty_database, *limits.splitlines())
    environment = {**os.environ, "POSTGRES_POOLER": "transaction"}
    async with running(folder, ENTRIES[entry], environment) as process:
        output, _ = await asyncio.wait_for(process.communicate(), START_SECONDS)
    assert process.returncode not in {0, None}
    assert output.count(b"does not enforce the time limits of this service") == 1
    assert b"Traceback" not in output


async def test_a_draining_api_is_not_ready_and_still_serves(
    settings: Settings, folder: Path
) -> None:
    port = closed_port()
    environment = {**os.environ, "APP_DRAIN_SECONDS": "600"}
    async with (
        running(folder, uvicorn(port), environment) as process,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        await until_ready(process, client)
        process.send_signal(signal.SIGTERM)

        async def is_unready() -> bool:
            return (await client.get("/health/ready")).status_code == 503

        await eventually(is_unready)
        assert (await client.get("/health/live")).status_code == 200


async def test_the_api_stops_after_it_has_drained(settings: Settings, folder: Path) -> None:
    port = closed_port()
    environment = {**os.environ, "APP_DRAIN_SECONDS": "0.1"}
    async with (
        running(folder, uvicorn(port), environment) as process,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        await until_ready(process, client)
        process.send_signal(signal.SIGTERM)
        output, _ = await asyncio.wait_for(process.communicate(), START_SECONDS)
    events = [orjson.loads(line)["event"] for line in output.splitlines()]
    assert "Application shutdown complete." in events


def test_the_image_trusts_no_proxy_by_default() -> None:
    assert "FORWARDED_ALLOW_IPS=\n" in (ROOT / "Dockerfile").read_text()
    assert "--no-proxy-headers" in (ROOT / "Makefile").read_text()
