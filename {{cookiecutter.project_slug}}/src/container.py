"""The container: the parts of this service, and the use cases on top of them.

Every part is a singleton; a use case opens a unit of work when it runs. Of two registrations of one
type the later one counts, so a test can replace an adapter by a fake.
"""

import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import punq
import structlog

from src import usecases
from src.config import AppSettings, WorkerSettings
from src.repositories.postgres.engine import Database
from src.repositories.postgres.guard import UnusableDatabaseError
from src.usecases.errors import DatabaseUnavailableError
from src.utils.modules import import_submodules
from src.utils.settings import Settings, load
from src.wiring import Part, Resource, accounts, database, database_commands, events, messages
# {% if cookiecutter.use_redis %}
from src.wiring import cache_redis as cache
# {% else %}
from src.wiring import cache_none as cache
# {% endif %}
# {% if cookiecutter.use_rabbitmq %}
from src.wiring import messaging_rabbitmq as messaging
# {% else %}
from src.wiring import messaging_postgres as messaging
# {% endif %}

log = structlog.get_logger()

PARTS: tuple[Part, ...] = (
    database.part,
    events.part,
    cache.part,
    messaging.part,
    messages.part,
    accounts.part,
    database_commands.part,
)


def load_settings() -> Settings:
    """Return the settings of all parts, or raise one `SettingsError` that names every problem."""
    groups = [group for part in PARTS for group in part.settings]
    return load([AppSettings, WorkerSettings, *groups])


def build_container(settings: Settings) -> punq.Container:
    """Return a container with all parts and use cases. It connects to no server yet."""
    container = punq.Container()
    for part in PARTS:
        part.register(container, settings)
    for use_case in _use_cases():
        container.register(use_case, scope=punq.Scope.singleton)
    return container


@asynccontextmanager
async def open_resources(container: punq.Container) -> AsyncIterator[None]:
    """Keep the shared connections open, and close them in the reverse order.

    Every use case is created first, so a dependency that no part provides fails the start.
    """
    for use_case in _use_cases():
        container.resolve(use_case)
    async with AsyncExitStack() as stack:
        for resource in container.resolve(list[Resource]):
            stack.push_async_callback(resource.aclose)
        yield


@asynccontextmanager
async def open_service(container: punq.Container) -> AsyncIterator[None]:
    """Keep the shared connections open for the API or the worker.

    A database of another service, or one without the time limits, ends the process with one
    sentence. A database that does not answer is checked when it does.
    """
    async with open_resources(container):
        try:
            await container.resolve(Database).connect()
        except UnusableDatabaseError as error:
            raise SystemExit(str(error)) from None
        except DatabaseUnavailableError as error:
            log.warning("database_unavailable", error=str(error))
        yield


def _use_cases() -> Iterator[type]:
    """Return every class in `src/usecases` that has a method `execute`."""
    for module in import_submodules(usecases):
        for _, cls in inspect.getmembers(module, inspect.isclass):
            if cls.__module__ == module.__name__ and hasattr(cls, "execute"):
                yield cls
