"""A Postgres that answers and cannot be written: read-only, full, or without a place for us."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from src.config import PostgresSettings
from src.repositories.postgres import watch
from src.repositories.postgres.engine import Database
from src.usecases.errors import DatabaseUnavailableError, ServerState
from src.utils.settings import Settings
from tests.machinery.conftest import SampleUnitOfWorkFactory
from tests.machinery.sample import Sample
from tests.support.network import refusing_postgres
from tests.support.postgres import read_only

INSERT = text("INSERT INTO machinery_samples VALUES (gen_random_uuid(), 'written', 1) RETURNING id")
DISK_FULL = text("DO $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$")

pytestmark = pytest.mark.usefixtures("samples_table")


@pytest.fixture
async def pool(settings: Settings) -> AsyncIterator[Database]:
    """A pool with two connections to a server that is read-only."""
    postgres = settings[PostgresSettings]
    database = Database(url=postgres.url, pool_size=2, application_name="test")
    async with read_only(postgres):
        first = database.transaction()
        second = database.transaction()
        for transaction in (first, second):
            await transaction.execute_without_events(text("SELECT 1"))
        for transaction in (first, second):
            await transaction.aclose()
    yield database
    await database.aclose()


async def test_a_write_on_a_connection_that_became_read_only_uses_a_new_one(
    pool: Database,
) -> None:
    transaction = pool.transaction()
    await transaction.execute_without_events(INSERT)
    await transaction.commit()


async def test_a_single_statement_that_was_refused_as_read_only_uses_a_new_connection(
    pool: Database,
) -> None:
    assert len(await pool.fetch(INSERT)) == 1


async def test_a_refused_write_discards_all_connections_of_the_pool(pool: Database) -> None:
    pids = text("SELECT pid FROM pg_stat_activity WHERE pid = pg_backend_pid()")
    old = {row.pid for row in await pool.fetch(pids)}
    await pool.fetch(INSERT)
    one = pool.transaction()
    other = pool.transaction()
    for transaction in (one, other):
        await transaction.execute_without_events(INSERT)
        [[pid]] = (await transaction.execute_without_events(pids)).all()
        assert pid not in old
    for transaction in (one, other):
        await transaction.commit()


async def test_a_write_after_a_read_in_a_transaction_that_is_read_only_fails_once(
    pool: Database,
) -> None:
    transaction = pool.transaction()
    await transaction.execute_without_events(text("SELECT 1"))
    with pytest.raises(DatabaseUnavailableError) as error:
        await transaction.execute_without_events(INSERT)
    await transaction.aclose()
    assert error.value.state == "read-only"
    assert len(await pool.fetch(INSERT)) == 1


async def test_a_check_finds_a_server_read_only_and_writable_again_without_any_write(
    settings: Settings,
) -> None:
    postgres = settings[PostgresSettings]
    database = Database(url=postgres.url, pool_size=2, application_name="test")
    async with read_only(postgres):
        for _ in range(2):
            with pytest.raises(DatabaseUnavailableError) as error:
                await database.check()
            assert error.value.state == "read-only"
    await database.check()
    await database.aclose()


async def test_a_check_that_finds_the_server_read_only_empties_the_pool(
    settings: Settings, pool: Database
) -> None:
    pids = text("SELECT pg_backend_pid() AS pid")
    old = {row.pid for row in await pool.fetch(pids)}
    async with read_only(settings[PostgresSettings]):
        assert await state_of(pool) == "read-only"
    assert not old & {row.pid for row in await pool.fetch(pids)}


async def state_of(database: Database) -> ServerState:
    """Return the state that a check of the database reports."""
    try:
        await database.check()
    except DatabaseUnavailableError as error:
        return error.state
    return "ok"


async def test_a_full_disk_is_known_from_the_last_write_until_a_write_succeeds(
    settings: Settings, sample_unit_of_work: SampleUnitOfWorkFactory
) -> None:
    async with sample_unit_of_work() as uow:
        database = uow.samples.database
    with pytest.raises(DatabaseUnavailableError) as error:
        await database.fetch(DISK_FULL)
    assert error.value.state == "full"
    assert await state_of(database) == "full"
    await database.fetch(text("SELECT 1"))
    assert await state_of(database) == "full"
    async with sample_unit_of_work() as uow:
        await uow.samples.create(Sample.create("first"))
        await uow.commit()
    assert await state_of(database) == "ok"


async def test_a_full_disk_is_forgotten_after_a_while_because_no_writes_come(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DatabaseUnavailableError):
        await database.fetch(DISK_FULL)
    monkeypatch.setattr(watch, "FULL_SECONDS", 0)
    assert await state_of(database) == "ok"


@pytest.mark.parametrize(
    ("sqlstate", "state"),
    [
        pytest.param("28P01", "refused", id="a wrong password"),
        pytest.param("28000", "refused", id="no rights"),
        pytest.param("3D000", "refused", id="no such database"),
        pytest.param("53300", "full", id="too many connections"),
        pytest.param("57P03", "unavailable", id="starting up"),
    ],
)
async def test_a_server_that_refuses_a_connection_is_reported_with_its_reason(
    settings: Settings, sqlstate: str, state: ServerState
) -> None:
    async with refusing_postgres(sqlstate) as port:
        url = settings[PostgresSettings].url.set(host="127.0.0.1", port=port)
        assert await state_of(Database(url=url, pool_size=1, application_name="test")) == state
