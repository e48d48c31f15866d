"""A commit that arrives after its writer's mark has expired must fail."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import pytest
from sqlalchemy import text

from src.config import PostgresSettings
from src.repositories.cache.redis.invalidator import MARK_SECONDS
from src.repositories.outbox.notify import OutboxNotifier
from src.repositories.postgres import engine
from src.repositories.postgres.engine import Database
from src.usecases.errors import DatabaseUnavailableError
from src.utils.settings import Settings
from tests.fakes.cache import InMemoryCache
from tests.machinery.conftest import SampleUnitOfWorkFactory
from tests.machinery.sample import Sample, SampleUnitOfWork
from tests.support.network import Proxy
from tests.support.waiting import eventually

Action = Callable[[], Awaitable[object]]
IDLE = text(
    "SELECT pid FROM pg_stat_activity"
    " WHERE application_name = :name AND state = 'idle in transaction'"
)


class StallingCache(InMemoryCache):
    """Does something between the last statement and the COMMIT."""

    def __init__(self, action: Action) -> None:
        super().__init__()
        self._action = action

    @asynccontextmanager
    async def invalidating(self, keys: Sequence[str]) -> AsyncIterator[None]:
        async with super().invalidating(keys):
            await self._action()
            yield


@pytest.fixture
async def proxy(settings: Settings) -> AsyncIterator[Proxy]:
    """A connection to Postgres that can be broken."""
    server = settings[PostgresSettings]
    async with Proxy(server.host, server.port).running() as proxy:
        yield proxy


@dataclass(frozen=True)
class StrictDatabase:
    """A pool behind the proxy. The server ends a transaction that is idle for a second."""

    pool: Database
    name: str
    database: Database

    async def has_ended_the_transaction(self) -> None:
        """Wait until no transaction of the pool is idle."""

        async def none_is_idle() -> bool:
            return not await self.database.fetch(IDLE, {"name": self.name})

        await eventually(none_is_idle)

    async def rename(self, sample: Sample, action: Action) -> None:
        """Give a sample another label. The action runs before the COMMIT."""
        async with SampleUnitOfWork(
            database=self.pool,
            cache=StallingCache(action),
            notifier=OutboxNotifier(self.pool),
            source="test",
        ) as uow:
            loaded = await uow.samples.load_for_update(sample.id)
            loaded.rename("too late")
            await uow.samples.update(loaded)
            await uow.commit()


@pytest.fixture
async def strict(
    settings: Settings, database: Database, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[StrictDatabase]:
    monkeypatch.setattr(engine, "IDLE_IN_TRANSACTION_SECONDS", 1)
    name = f"strict-{uuid4().hex[:8]}"
    url = settings[PostgresSettings].url.set(host="127.0.0.1", port=proxy.port)
    pool = Database(url=url, pool_size=2, application_name=name)
    yield StrictDatabase(pool, name, database)
    await pool.aclose()


@pytest.fixture
async def sample(sample_unit_of_work: SampleUnitOfWorkFactory) -> Sample:
    """A saved sample."""
    sample = Sample.create("in time")
    async with sample_unit_of_work() as uow:
        await uow.samples.create(sample)
        await uow.commit()
    return sample


async def saved_label(sample_unit_of_work: SampleUnitOfWorkFactory, sample: Sample) -> str:
    """Return the committed label, past the cache."""
    async with sample_unit_of_work() as uow:
        return (await uow.samples.load_for_update(sample.id)).label


def test_a_mark_outlasts_every_commit_by_half_its_time() -> None:
    sent_within = engine.IDLE_IN_TRANSACTION_SECONDS
    given_up_within = engine.STATEMENT_TIMEOUT_SECONDS * 2  # asyncpg then cancels it
    assert 1.5 * (sent_within + given_up_within) <= MARK_SECONDS


async def test_the_server_aborts_a_transaction_that_is_held_up_before_its_commit(
    strict: StrictDatabase, sample: Sample, sample_unit_of_work: SampleUnitOfWorkFactory
) -> None:
    with pytest.raises(DatabaseUnavailableError):
        await strict.rename(sample, strict.has_ended_the_transaction)
    assert await saved_label(sample_unit_of_work, sample) == "in time"


async def test_a_commit_that_the_network_held_up_has_no_effect_when_it_arrives(
    strict: StrictDatabase,
    sample: Sample,
    sample_unit_of_work: SampleUnitOfWorkFactory,
    proxy: Proxy,
) -> None:
    async def deliver_late() -> None:
        await strict.has_ended_the_transaction()
        proxy.flow()

    delivery: list[asyncio.Task[None]] = []

    async def hold_up() -> None:
        proxy.hang()
        delivery.append(asyncio.create_task(deliver_late()))

    with pytest.raises(DatabaseUnavailableError):
        await strict.rename(sample, hold_up)
    await delivery[0]
    assert await saved_label(sample_unit_of_work, sample) == "in time"
