"""The service while its broker is away."""

import punq
import pytest

from src.container import build_container
from src.utils.settings import Settings
from tests.support.service import servers_of, serving, without


@pytest.fixture
def container(settings: Settings, cache_server: None) -> punq.Container:
    """The service's parts, with a closed port in place of the broker."""
    return build_container(without(settings, "rabbitmq"))


async def test_without_its_broker_the_service_is_ready_and_reports_the_broker(
    container: punq.Container, settings: Settings
) -> None:
    async with serving(container) as api:
        response = await api.get("/health/ready")
    states = dict.fromkeys(servers_of(settings), "ok") | {"rabbitmq": "unavailable"}
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "dependencies": states}
