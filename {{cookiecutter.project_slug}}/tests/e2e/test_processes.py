"""The entry points as processes of their own, as containers run them."""

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

from src.config import Settings
from src.utils.settings import ROOT
from tests.support.network import closed_port
from tests.support.waiting import eventually

WORKER = ["-m", "src.consume_worker"]


def uvicorn(port: int) -> list[str]:
    """Return how the image starts the API, on another port."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    [command] = [line for line in lines if line.startswith("CMD ")]
    return ["-m", *orjson.loads(command.removeprefix("CMD ")), "--port", str(port)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the service and without anybody's `.env`."""
    for name in ("src", "migrations", "alembic.ini", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@asynccontextmanager
async def running(
    folder: Path, arguments: list[str], environment: dict[str, str] | None = None
) -> AsyncIterator[Process]:
    """Have a process that runs while the context is open, at the most."""
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
    """Return the log line of an event; every line before it is JSON, too."""
    assert process.stdout is not None
    async with asyncio.timeout(45):
        async for line in process.stdout:
            logged: dict[str, object] = orjson.loads(line)
            if logged["event"] == event:
                return logged
    raise AssertionError(f"it ended without {event!r}")


async def until_ready(process: Process, client: httpx2.AsyncClient) -> None:
    """Wait until the API serves."""

    async def is_ready() -> bool:
        try:
            return (await client.get("/health/ready")).status_code == 200
        except httpx2.TransportError:
            assert process.returncode is None
            return False

    await eventually(is_ready, seconds=45)


async def test_the_api_starts_answers_and_stops_when_it_is_told_to(
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
        output, _ = await asyncio.wait_for(process.communicate(), 45)
    events = [orjson.loads(line)["event"] for line in output.splitlines()]
    assert "Application shutdown complete." in events
    # Uvicorn shuts down and then ends as the signal would have ended it.
    assert process.returncode in {0, -signal.SIGTERM}


async def test_the_worker_starts_consumes_and_stops_when_it_is_told_to(
    settings: Settings, message_server: None, folder: Path
) -> None:
    async with running(folder, WORKER) as process:
        await output_until(process, "consuming")
        process.send_signal(signal.SIGTERM)
        await output_until(process, "worker_stopped")
        assert await asyncio.wait_for(process.wait(), 45) == 0


ENTRIES = {
    "api": uvicorn(closed_port()),
    "worker": WORKER,
    "operator": ["-m", "src.manage", "dead-letters"],
    "migrations": ["-m", "alembic", "upgrade", "head"],
}


@pytest.mark.parametrize("entry", ENTRIES)
async def test_without_a_required_setting_nothing_starts_and_says_which_variable_is_missing(
    settings: Settings, folder: Path, entry: str
) -> None:
    missing = "POSTGRES_USER" if entry == "migrations" else "SECURITY_SECRET_KEY"
    environment = {k: v for k, v in os.environ.items() if k != missing}
    async with running(folder, ENTRIES[entry], environment) as process:
        output, _ = await asyncio.wait_for(process.communicate(), 45)
        assert process.returncode == 1
        assert output.decode().splitlines() == [
            "The settings do not allow a start:",
            f"  {missing}: Field required",
        ]


async def test_told_to_stop_the_api_is_not_ready_at_once_and_serves_until_it_has_drained(
    settings: Settings, folder: Path
) -> None:
    port = closed_port()
    environment = {**os.environ, "APP_DRAIN_SECONDS": "3"}
    async with (
        running(folder, uvicorn(port), environment) as process,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        await until_ready(process, client)
        process.send_signal(signal.SIGTERM)

        async def is_unready() -> bool:
            return (await client.get("/health/ready")).status_code == 503

        await eventually(is_unready, seconds=2)
        assert (await client.get("/health/live")).status_code == 200
        output, _ = await asyncio.wait_for(process.communicate(), 45)
    events = [orjson.loads(line)["event"] for line in output.splitlines()]
    assert "Application shutdown complete." in events


def test_the_image_trusts_no_hop_unless_it_is_told_to() -> None:
    assert "FORWARDED_ALLOW_IPS=\n" in (ROOT / "Dockerfile").read_text()
    assert "--no-proxy-headers" in (ROOT / "Makefile").read_text()
