"""Variants: each combination of the options that change code passes all checks and its suite.

They run on real servers, one variant after the other, in the background of the other tests: the
first test of this module runs early (tests/conftest.py). `make matrix` measures the coverage of
every variant, this module only that of the default one.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.test_answers import HOSTILE, assert_python_compiles
from tools.common.environment import service_environment
from tools.common.processes import run_in_service, try_run
from tools.servers.clients import postgres_connection
from tools.servers.rights import limited_user
from tools.servers.server import GivenServer
from tools.variants.checks import Outcome, checks, examine, table
from tools.variants.variant import Variant, variants

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Render
    from tools.servers.running import Servers

Outcomes = dict[str, Outcome]
VARIANTS = variants()
# Builds the API of each given folder, and prints the `info` of its OpenAPI document.
SHOW = """
import importlib, json, pathlib, sys
from src import main
from src.utils import settings
shown = []
for folder in sys.argv[1:]:
    settings.ROOT = pathlib.Path(folder)
    shown.append(importlib.reload(main).app.openapi()["info"])
sys.stdout.buffer.write(json.dumps(shown).encode())
"""
pytestmark = pytest.mark.timeout(900)


@contextmanager
def database_user(servers: Servers, rights: str) -> Iterator[dict[str, str]]:
    """Create a user with a database of its own, and return the settings of the servers with it."""
    settings = servers.environment()
    name = f"developer_{secrets.token_hex(4)}"
    password = secrets.token_hex(8)

    async def administer(*statements: str) -> None:
        async with postgres_connection(settings) as connection:
            for statement in statements:
                await connection.execute(statement)

    user = f"CREATE ROLE {name} LOGIN {rights} PASSWORD '{password}'"
    asyncio.run(administer(user, f"CREATE DATABASE {name} OWNER {name}"))
    try:
        own = {"POSTGRES_USER": name, "POSTGRES_PASSWORD": password, "POSTGRES_DB": name}
        yield {**settings, **own}
    finally:
        asyncio.run(administer(f"DROP DATABASE {name} (FORCE)", f"DROP ROLE {name}"))


@pytest.fixture(scope="session")
def examined(render: Render, servers: Servers) -> Iterator[dict[str, Future[Outcomes]]]:
    """Run all checks in the background, one variant after the other."""
    for variant in VARIANTS:
        variant.folder = render(**variant.options)
    developer = database_user(servers, "CREATEDB")  # no superuser, as a developer's is none
    with developer as settings, ThreadPoolExecutor(max_workers=1) as pool:
        if not isinstance(servers.rabbitmq, GivenServer):
            # The names of a run of the service's tests begin with `test-`.
            settings.update(limited_user(servers.rabbitmq, "test-"))
        default = VARIANTS[0]
        futures = {
            str(v): pool.submit(examine, v, settings, with_coverage=v is default) for v in VARIANTS
        }
        yield futures
        print(table({name: future.result() for name, future in futures.items()}))  # noqa: T201


@pytest.mark.begins_work
def test_the_checks_of_every_variant_begin(examined: dict[str, Future[Outcomes]]) -> None:
    assert list(examined) == [str(variant) for variant in VARIANTS]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("check", checks({}))
def test_every_variant_passes_every_check(
    examined: dict[str, Future[Outcomes]], variant: Variant, check: str
) -> None:
    """The checks are those of tools/variants/checks.py; the last one is the variant's suite."""
    outcome = examined[str(variant)].result()[check]
    assert not outcome.problem, outcome.problem


@pytest.mark.parametrize("variant", [VARIANTS[0], VARIANTS[-1]], ids=str)
def test_hostile_answers_reach_the_documentation_intact(
    examined: dict[str, Future[Outcomes]], render: Render, variant: Variant
) -> None:
    """The text is not executed, and the API's documentation shows it unchanged."""
    examined[str(variant)].result()
    texts: dict[Path, str] = {}
    for text in HOSTILE:
        fields = ("project_name", "project_description", "author_name")
        folder = render(**variant.options, **dict.fromkeys(fields, text), project_slug="hostile")
        assert_python_compiles(folder)
        texts[folder] = text
    files = (*map(str, texts), str(variant.folder))
    python = variant.folder / ".venv/bin/python"
    done = subprocess.run(
        [python, "-c", SHOW, *files], cwd=variant.folder, capture_output=True, check=True
    )
    *shown, own = json.loads(done.stdout)
    assert [(info["title"], info["description"]) for info in shown] == [
        (text, text) for text in texts.values()
    ]
    assert own["title"] == "User Service"


def test_make_lint_passes_in_the_default_variant(
    examined: dict[str, Future[Outcomes]],
) -> None:
    examined[str(VARIANTS[0])].result()
    run_in_service(VARIANTS[0].folder, "make", "lint")


def test_a_second_setup_keeps_the_secrets_and_the_lock_file(
    examined: dict[str, Future[Outcomes]],
) -> None:
    examined[str(VARIANTS[0])].result()
    folder = VARIANTS[0].folder
    kept = {name: (folder / name).read_bytes() for name in (".env", "uv.lock")}
    run_in_service(folder, "make", "setup")
    assert kept == {name: (folder / name).read_bytes() for name in kept}


def test_the_tests_of_a_service_say_which_right_the_database_user_lacks(
    examined: dict[str, Future[Outcomes]], servers: Servers
) -> None:
    variant = VARIANTS[0]
    examined[str(variant)].result()
    with database_user(servers, "") as settings:
        done = try_run(
            variant.folder / ".venv/bin/pytest",
            "tests/integration/test_users.py",
            cwd=variant.folder,
            environment=service_environment(settings),
        )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    user = settings["POSTGRES_USER"]
    assert f'Run as an administrator: ALTER USER "{user}" CREATEDB' in done.stdout
    assert "Traceback" not in done.stdout
