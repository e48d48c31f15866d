"""The service while its broker is away."""

from collections.abc import AsyncIterator

import punq
import pytest

from src.container import build_container, open_resources
from src.repositories.postgres.engine import Database
from src.utils.settings import Settings
from tests.machinery.conftest import SampleUnitOfWorkFactory
from tests.machinery.sample import Sample, SampleCreated
from tests.machinery.support.outbox import rows
from tests.support.service import servers_of, serving, without

pytestmark = pytest.mark.usefixtures("empty_tables")


@pytest.fixture
def without_broker(settings: Settings) -> Settings:
    """Settings with a closed port in place of the broker."""
    return without(settings, "rabbitmq")


@pytest.fixture
async def container(without_broker: Settings, cache_server: None) -> AsyncIterator[punq.Container]:
    """The service's parts without a broker. The units of work use them."""
    container = build_container(without_broker)
    async with open_resources(container):
        yield container


async def test_without_its_broker_the_service_is_ready_and_reports_the_broker_as_unavailable(
    without_broker: Settings, cache_server: None
) -> None:
    async with serving(build_container(without_broker)) as api:
        response = await api.get("/health/ready")
    states = dict.fromkeys(servers_of(without_broker), "ok") | {"rabbitmq": "unavailable"}
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "dependencies": states}


async def test_without_its_broker_the_service_saves_changes_and_keeps_their_events(
    sample_unit_of_work: SampleUnitOfWorkFactory, database: Database
) -> None:
    sample = Sample.create("created")
    async with sample_unit_of_work() as uow:
        await uow.samples.create(sample)
        await uow.commit()
    assert await sample_unit_of_work().samples.get_label(sample.id) == "created"
    [row] = await rows(database)
    assert (row.event_type, row.attempts, row.last_error) == (SampleCreated.name, 0, None)
