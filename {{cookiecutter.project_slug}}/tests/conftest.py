"""Fixtures for all tests: a database, a cache namespace and queues of this run alone.

Nothing here reads `.env`, and nothing of the developer's is touched: see tests/support/.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from uuid import uuid4

import punq
import pytest
import structlog
from redis.asyncio import Redis

from src.config import AppSettings, Group, PostgresSettings, Settings, SettingsError, load_settings
from src.container import build_container, open_resources
from src.domain.events import PUBLISHED_EVENTS
from src.repositories.db.engine import Database
from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.repositories.rabbitmq.topology import Topology
from tests.support import isolation
from tests.support.amqp import Queues, looking_into
from tests.support.servers import find_servers, patience

PREFIXES = ("APP_", "POSTGRES_", "REDIS_", "RABBITMQ_", "WORKER_", "SECURITY_")
EMPTY_TABLES = """
    DELETE FROM sessions; DELETE FROM users; DELETE FROM outbox_messages;
    DELETE FROM processed_messages; DELETE FROM notifications
"""

PATIENCE = patience()

# Whatever a developer's .env says, it does not decide about tests.
for group in Group.__subclasses__():
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
            "RABBITMQ_RETRY_DELAYS_SECONDS": "[1, 2]",
            # Far above what Redis needs: a busy machine must not make the cache look broken.
            "REDIS_TIMEOUT_SECONDS": "5",
            "SECURITY_SECRET_KEY": uuid4().hex * 2,
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
        "PostgreSQL", lambda: isolation.execute(server, "SELECT 1"), PATIENCE["POSTGRES"]
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


@pytest.fixture(scope="session")
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    """The server with the run's keys, which all begin with `settings.app.name` and a colon."""
    client = Redis(
        host=settings.redis.host,
        port=settings.redis.port,
        password=settings.redis.password.get_secret_value() or None,
    )
    await isolation.wait_for("Redis", client.ping, PATIENCE["REDIS"])
    yield client
    await isolation.delete_keys(client, settings.app.name)
    await client.aclose()


@pytest.fixture(scope="session")
async def broker(settings: Settings) -> RabbitMQBroker:
    """The server with the run's exchanges and queues."""
    rabbitmq = settings.rabbitmq
    broker = RabbitMQBroker(
        host=rabbitmq.host,
        port=rabbitmq.port,
        user=rabbitmq.user,
        password=rabbitmq.password.get_secret_value(),
        vhost=rabbitmq.vhost,
    )
    await isolation.wait_for("RabbitMQ", broker.check, PATIENCE["RABBITMQ"])
    return broker


@pytest.fixture(scope="session")
async def run_topology(settings: Settings, broker: RabbitMQBroker) -> AsyncIterator[Topology]:
    """The exchange and the queues of the service as this run's settings name it."""
    topology = Topology(
        name=settings.app.name,
        retry_delays=settings.rabbitmq.retry_delays_seconds,
        event_types=sorted(event.name for event in PUBLISHED_EVENTS),
    )
    async with isolation.own_topology(broker, topology):
        yield topology


@pytest.fixture
async def topology(settings: Settings, broker: RabbitMQBroker) -> AsyncIterator[Topology]:
    """An exchange and queues of one test's own, declared and empty."""
    topology = Topology(
        name=f"{settings.app.name}-{uuid4().hex[:6]}",
        retry_delays=settings.rabbitmq.retry_delays_seconds,
        event_types=["user.password_changed.v1", "user.registered.v1"],
    )
    async with isolation.own_topology(broker, topology):
        yield topology


@pytest.fixture
async def container(
    settings: Settings, redis: Redis, run_topology: Topology
) -> AsyncIterator[punq.Container]:
    """The service's parts on the run's servers, open while the test runs."""
    container = build_container(settings)
    async with open_resources(container):
        yield container


@pytest.fixture
async def queues(broker: RabbitMQBroker, topology: Topology) -> AsyncIterator[Queues]:
    """The queues of one test's own."""
    async with looking_into(broker, topology) as queues:
        yield queues


@pytest.fixture
async def run_queues(broker: RabbitMQBroker, run_topology: Topology) -> AsyncIterator[Queues]:
    """The queues of the service as this run's settings name it, emptied."""
    async with looking_into(broker, run_topology) as queues:
        await queues.purge()
        yield queues
