"""The wiring: whatever is registered can be resolved, and connects to nothing before it is used."""

from typing import Any

import punq
import pytest

from src.config import Settings
from src.container import build_container, open_resources
from src.usecases import USE_CASES
from src.usecases.ports.cache import ReadThroughCache
from tests.support.service import servers_of, without


class RecordingContainer(punq.Container):
    """Knows what was registered."""

    def __init__(self) -> None:
        self.services: list[Any] = []
        super().__init__()

    def register(self, service: Any, *args: Any, **kwargs: Any) -> "RecordingContainer":
        self.services.append(service)
        super().register(service, *args, **kwargs)
        return self


@pytest.fixture
def recorded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> RecordingContainer:
    monkeypatch.setattr(punq, "Container", RecordingContainer)
    container = build_container(settings)
    assert isinstance(container, RecordingContainer)
    return container


async def test_everything_registered_resolves_to_one_instance(recorded: RecordingContainer) -> None:
    assert {*USE_CASES, ReadThroughCache} <= {*recorded.services}
    for service in recorded.services:
        assert recorded.resolve(service) is recorded.resolve(service)


async def test_a_later_registration_takes_the_place_of_an_adapter(
    recorded: RecordingContainer,
) -> None:
    for service in [*recorded.services]:
        stand_in = object()
        recorded.register(service, instance=stand_in)
        assert recorded.resolve(service) is stand_in


async def test_resources_open_and_close_although_no_server_is_there(settings: Settings) -> None:
    unreachable = without(settings, *servers_of(settings))
    opened = False
    async with open_resources(build_container(unreachable)):
        opened = True
    assert opened
