"""The wiring: every part resolves, and none connects to a server before it is used."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import punq
import pytest

from src import usecases
from src.container import _use_cases, build_container, load_settings, open_resources
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from src.utils.settings import Settings
from tests.support.environment import Environment
from tests.support.service import servers_of, without

MODULE = "src.usecases.machinery_unknown"


class RecordingContainer(punq.Container):
    """Records the types that are registered."""

    def __init__(self) -> None:
        self.services: list[Any] = []
        super().__init__()

    def register(self, service: Any, *args: Any, **kwargs: Any) -> "RecordingContainer":
        self.services.append(service)
        super().register(service, *args, **kwargs)
        return self


@pytest.fixture
def settings(complete: Environment) -> Settings:
    """Settings in which every server has a closed port."""
    settings = load_settings()
    return without(settings, *servers_of(settings))


@pytest.fixture
def recorded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> RecordingContainer:
    monkeypatch.setattr(punq, "Container", RecordingContainer)
    container = build_container(settings)
    assert isinstance(container, RecordingContainer)
    return container


@pytest.fixture
def add_use_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], None]]:
    """Return a function that adds a module with this text to src/usecases."""

    def add(text: str) -> None:
        file = tmp_path / f"{MODULE.rpartition('.')[2]}.py"
        file.write_text(text, encoding="utf-8")
        monkeypatch.setattr(usecases, "__path__", [*usecases.__path__, str(tmp_path)])

    yield add
    sys.modules.pop(MODULE, None)
    vars(usecases).pop(MODULE.rpartition(".")[2], None)


async def test_every_registration_resolves_to_one_instance(recorded: RecordingContainer) -> None:
    assert UnitOfWorkFactory in recorded.services
    for service in recorded.services:
        assert recorded.resolve(service) is recorded.resolve(service), service


async def test_every_use_case_resolves(settings: Settings) -> None:
    container = build_container(settings)
    failures = []
    for use_case in _use_cases():
        try:
            container.resolve(use_case)
        except punq.MissingDependencyError as error:
            failures.append(f"{use_case.__name__}: {error}. Register it in a part of src/wiring/.")

    assert not failures, "\n".join(failures)


async def test_resources_open_and_close_without_any_server(settings: Settings) -> None:
    opened = False
    async with open_resources(build_container(settings)):
        opened = True
    assert opened


async def test_a_later_registration_replaces_an_earlier_one(recorded: RecordingContainer) -> None:
    for service in [*recorded.services]:
        replacement = object()
        recorded.register(service, instance=replacement)
        assert recorded.resolve(service) is replacement


async def test_a_class_with_execute_in_the_use_cases_is_registered_by_itself(
    settings: Settings, add_use_case: Callable[[str], None]
) -> None:
    add_use_case(
        "class MachineryUseCase:\n"
        "    async def execute(self) -> None: ...\n"
        "class MachineryHelper:\n"
        "    async def help(self) -> None: ...\n"
    )

    container = build_container(settings)

    module = sys.modules[MODULE]
    use_case = container.resolve(module.MachineryUseCase)
    assert isinstance(use_case, module.MachineryUseCase)
    assert container.resolve(module.MachineryUseCase) is use_case
    with pytest.raises(punq.MissingDependencyError):
        container.resolve(module.MachineryHelper)


async def test_a_use_case_with_a_port_that_no_part_provides_fails_the_start(
    settings: Settings, add_use_case: Callable[[str], None]
) -> None:
    add_use_case(
        "from dataclasses import dataclass\n"
        "from typing import Protocol\n"
        "class MachineryPort(Protocol): ...\n"
        "@dataclass\n"
        "class MachineryUseCase:\n"
        "    port: MachineryPort\n"
        "    async def execute(self) -> None: ...\n"
    )

    with pytest.raises(punq.MissingDependencyError, match="MachineryPort"):
        async with open_resources(build_container(settings)):
            pass
