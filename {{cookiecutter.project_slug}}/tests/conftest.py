"""Fixtures for all tests: a database of this run alone, and the servers of tests/fixtures/.

The tests read no `.env` and change no data of the developer: see tests/support/.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import asyncpg
import punq
import pytest
import structlog

from src.config import AppSettings, PostgresSettings
from src.container import build_container, load_settings, open_resources
from src.repositories.postgres.engine import Database
from src.utils.settings import Settings, SettingsError
from tests.support import isolation
from tests.support.environment import COMPLETE, GROUPS, Environment
from tests.support.servers import RUN_SETTINGS, find_servers

# The fixtures of the servers that this service uses.
pytest_plugins = [
    f"tests.fixtures.{file.stem}" for file in Path(__file__).parent.glob("fixtures/*.py")
]
PREFIXES = tuple(group.variable("") for group in GROUPS)

# A developer's .env must not influence the tests.
for group in GROUPS:
    group.model_config["env_file"] = None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """End the run with the sentence of `pytest.exit`, also in a process of pytest-xdist.

    xdist takes an exit in one of its processes for a crash, and prints an internal error.
    """
    try:
        yield
    except pytest.exit.Exception as error:
        item.session.shouldfail = str(error.msg)
        raise pytest.fail.Exception(str(error.msg), pytrace=False) from None


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """Log without formatted tracebacks, which take seconds each."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["level", "event"]),
        ]
    )


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """The environment without any variable of the service."""
    return Environment(monkeypatch)


@pytest.fixture
def complete(environment: Environment) -> Environment:
    """The environment with every variable that has no default, and no others."""
    environment.set(COMPLETE)
    return environment


@pytest.fixture(scope="session")
def run_variables() -> Iterator[dict[str, str]]:
    """Put the variables of this run, and no others, into the environment."""
    with ExitStack() as stack:
        run = uuid4().hex[:8]
        variables = find_servers(stack) | {
            "APP_NAME": f"test-{run}",
            "SECURITY_SECRET_KEY": uuid4().hex * 2,
            **RUN_SETTINGS,
        }
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name in [name for name in os.environ if name.startswith(PREFIXES)]:
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        try:
            load_settings()
        except SettingsError as error:
            pytest.exit(str(error), pytest.ExitCode.USAGE_ERROR)
        yield variables


@pytest.fixture(scope="session")
async def settings(run_variables: dict[str, str]) -> AsyncIterator[Settings]:
    """The settings of this run. Its servers answer, and its database exists and is migrated."""
    server = PostgresSettings()
    await isolation.wait_for(
        "POSTGRES", lambda: isolation.execute(server, "SELECT 1"), asyncpg.PostgresError
    )
    service = AppSettings.model_fields["name"].default
    database = f"{service}_{run_variables['APP_NAME'].replace('-', '_')}"
    async with isolation.own_database(server, database):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("POSTGRES_DB", database)
            await asyncio.to_thread(isolation.migrate, "head")
            yield load_settings()


@pytest.fixture(scope="session")
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The run's database."""
    postgres = settings[PostgresSettings]
    database = Database(
        url=postgres.url,
        pool_size=10,
        application_name=settings[AppSettings].name,
        is_pooled=postgres.pooler != "none",
        direct_url=postgres.direct_url,
    )
    yield database
    await database.aclose()


@pytest.fixture
async def empty_tables(settings: Settings) -> None:
    """Empty the run's tables, for a test that reads all rows of one."""
    await isolation.empty_tables(settings[PostgresSettings])


@pytest.fixture
async def empty_database(settings: Settings) -> AsyncIterator[PostgresSettings]:
    """A database without tables, which the migrations then use."""
    postgres = settings[PostgresSettings]
    name = f"{postgres.db}_migrations"
    async with isolation.own_database(postgres, name):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("POSTGRES_DB", name)
            yield PostgresSettings()


@pytest.fixture
async def container(
    settings: Settings, cache_server: None, message_server: None
) -> AsyncIterator[punq.Container]:
    """The service's parts on the run's servers, open during the test."""
    container = build_container(settings)
    async with open_resources(container):
        yield container
