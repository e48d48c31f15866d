"""The stack after a user's first command: `docker compose up --build -d --wait`."""

from __future__ import annotations

import asyncio
import json
import subprocess
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import httpx2
import pytest

from tools.common.console import Console
from tools.common.processes import run, try_run
from tools.common.waiting import eventually
from tools.demo.api_client import ApiClient
from tools.demo.inspector import ServerInspector
from tools.demo.smoke_test import run_steps

if TYPE_CHECKING:
    from pathlib import Path

    from tests.containers.stack import Stack


async def smoke_test(stack: Stack, log: Path) -> None:
    """Run the smoke test, with an inspector if the stack has all three servers."""
    async with AsyncExitStack() as exit_stack:
        http = httpx2.AsyncClient(base_url=stack.url, timeout=10)
        api = ApiClient(await exit_stack.enter_async_context(http))
        if {"redis", "rabbitmq"} <= stack.variant.services:  # the inspector reads both
            names = {
                "APP_NAME": stack.folder.name,
                "RABBITMQ_RETRY_DELAYS_SECONDS": "[10, 60, 300]",
            }
            inspector = ServerInspector({**stack.settings, **names}, log)
            api.inspector = await exit_stack.enter_async_context(inspector)
            await inspector.listen()
        await run_steps(api, Console())


def test_all_is_healthy_within_a_minute_of_the_build_and_a_second_up_changes_nothing(
    stack: Stack,
) -> None:
    stack.files = ()
    stack.compose("create", "--build")  # it also pulls missing images
    seconds = stack.up()
    assert seconds < 60
    assert stack.is_healthy()
    before = {service: stack.containers(service) for service in stack.variant.services}
    stack.up()
    assert {service: stack.containers(service) for service in stack.variant.services} == before
    rows = map(json.loads, stack.compose("ps", "--format", "json").splitlines())
    assert {row["Service"] for row in rows} == stack.variant.services


def test_the_smoke_test_passes(development: Stack, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    command = ("docker", "compose", "logs", "--follow", "--no-log-prefix", "consume_worker")
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=development.folder, stdout=output) as follower,
    ):
        try:
            asyncio.run(smoke_test(development, log))
        finally:
            follower.terminate()
    once = "SELECT count(*) FROM users JOIN notifications ON user_id = users.id"
    eventually("the user has one notification", lambda: development.sql(once) == "1", within=120)


def test_the_schema_is_migrated_and_a_second_upgrade_changes_nothing(development: Stack) -> None:
    before = development.sql("SELECT version_num FROM alembic_version")
    upgrade = 'bash -c "alembic upgrade head"'
    assert "Running upgrade" not in development.shell("micro_service", upgrade)
    assert before
    assert development.sql("SELECT version_num FROM alembic_version") == before
    assert development.inspect("migrate")["State"]["ExitCode"] == 0


def test_changed_code_is_served_without_a_new_build(development: Stack) -> None:
    source = development.folder / "src" / "api" / "routes" / "health.py"
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace('"alive"', '"awake"'), encoding="utf-8")

    def is_reloaded() -> bool:
        try:
            status = httpx2.get(f"{development.url}/health/live").json()["status"]
        except httpx2.TransportError:
            return False
        return bool(status == "awake")

    try:
        eventually("the changed answer is served", is_reloaded, within=120)
    finally:
        source.write_text(text, encoding="utf-8")


def test_ports_are_published_on_loopback_only(development: Stack) -> None:
    for service in development.variant.services:
        ports = development.inspect(service)["NetworkSettings"]["Ports"]
        bindings = [binding for found in ports.values() for binding in found or ()]
        assert {binding["HostIp"] for binding in bindings} <= {"127.0.0.1"}
    published = development.inspect("micro_service")["NetworkSettings"]["Ports"]["8000/tcp"]
    assert [binding["HostPort"] for binding in published] == [str(development.port)]


@pytest.mark.parametrize("command", ["up", "config"])
def test_without_an_env_file_compose_fails_and_names_make_setup(
    stack: Stack, tmp_path: Path, command: str
) -> None:
    clone = tmp_path / "clone"
    run("cp", "-r", str(stack.folder), str(clone))
    (clone / ".env").unlink()
    done = try_run("docker", "compose", command, cwd=clone)
    assert done.returncode != 0
    assert "make setup" in done.stdout
