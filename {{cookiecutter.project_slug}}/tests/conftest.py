"""Fixtures for all tests: a database of this run alone, and what tests/fixtures/ adds to it.

Nothing here reads `.env`, and nothing of the developer's is touched: see tests/support/.
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

from src.config import AppSettings, PostgresSettings, Settings, load_settings
from src.container import build_container, open_resources
from src.repositories.db.engine import Database
from src.utils.settings import SettingsError
from tests.support import isolation
from tests.support.environment import GROUPS
from tests.support.servers import RUN_SETTINGS, find_servers

# Fixtures for the servers that this service was made with.
pytest_plugins = [
    f"tests.fixtures.{file.stem}" for file in Path(__file__).parent.glob("fixtures/*.py")
]
PREFIXES = tuple(group.model_config["env_prefix"] for group in GROUPS)
EMPTY_TABLES = """
    DELETE FROM sessions; DELETE FROM users; DELETE FROM outbox_messages;
    DELETE FROM processed_messages; DELETE FROM notifications
"""

# Whatever a developer's .env says, it does not decide about tests.
for group in GROUPS:
    group.model_config["env_file"] = None


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """Log plainly: pretty tracebacks with all their variables take seconds each."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["level", "event"]),
        ]
    )


@pytest.fixture(scope="session")
def environment() -> Iterator[dict[str, str]]:
    """Put this run's settings, and no others, into the process's environment."""
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
async def settings(environment: dict[str, str]) -> AsyncIterator[Settings]:
    """Settings of this run. Its servers answer, and its database exists and is migrated."""
    server = PostgresSettings()
    await isolation.wait_for(
        "POSTGRES", lambda: isolation.execute(server, "SELECT 1"), asyncpg.PostgresError
    )
    service = AppSettings.model_fields["name"].default
    database = f"{service}_{environment['APP_NAME'].replace('-', '_')}"
    async with isolation.own_database(server, database):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("POSTGRES_DB", database)
            await asyncio.to_thread(isolation.migrate, "head")
            yield load_settings()


@pytest.fixture(scope="session")
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The run's database."""
    database = Database(settings.postgres.url, pool_size=10, application_name=settings.app.name)
    yield database
    await database.aclose()


@pytest.fixture
async def empty_tables(settings: Settings) -> None:
    """Empty the run's tables, for a test that looks at all rows of one."""
    await isolation.execute(settings.postgres, EMPTY_TABLES)


@pytest.fixture
async def container(
    settings: Settings, cache_server: None, message_server: None
) -> AsyncIterator[punq.Container]:
    """The service's parts on the run's servers, open while the test runs."""
    container = build_container(settings)
    async with open_resources(container):
        yield container
