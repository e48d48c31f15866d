"""Lists that the service derives from its files: a forgotten line is named."""

import inspect
from dataclasses import fields
from types import ModuleType
from typing import Any, get_type_hints

import pytest
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel, TypeAdapter
from sqlalchemy import URL

from src import consumers, domain
from src.api import routes
from src.consumers import dispatcher
from src.consumers.subscription import load_subscriptions
from src.domain.aggregate import Aggregate
from src.domain.event import EVENT_TYPES
from src.repositories.outbox.notify import OutboxNotifier
from src.repositories.postgres.engine import Database
from src.repositories.unit_of_work import DBUnitOfWork
from src.usecases.ports.unit_of_work import UnitOfWork
from src.utils.modules import import_submodules
from tests.fakes.cache import InMemoryCache
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase
from tests.fakes.unit_of_work import InMemoryUnitOfWork
from tests.support.documentation import operations

ROUTES = import_submodules(routes)
CONSUMERS = [module for module in import_submodules(consumers) if module is not dispatcher]


AGGREGATES = {
    cls
    for module in import_submodules(domain)
    for _, cls in inspect.getmembers(module, inspect.isclass)
    if issubclass(cls, Aggregate) and cls is not Aggregate
}


def new_db_unit_of_work() -> DBUnitOfWork:
    """Return a unit of work that never runs a statement, so it needs no server."""
    url = URL.create("postgresql+asyncpg")
    database = Database(url=url, pool_size=1, application_name="test")
    return DBUnitOfWork(
        database=database,
        cache=InMemoryCache(),
        notifier=OutboxNotifier(database),
        source="test",
    )


@pytest.mark.parametrize("field", get_type_hints(UnitOfWork))
def test_the_unit_of_work_and_its_fake_have_every_field_of_the_port(field: str) -> None:
    fake = InMemoryUnitOfWork(InMemoryDatabase(), MovableClock())

    for file, unit_of_work in (
        ("src/repositories/unit_of_work.py", new_db_unit_of_work()),
        ("tests/fakes/unit_of_work.py", fake),
    ):
        assert hasattr(unit_of_work, field), f"add a line for `{field}` to {file}"


@pytest.mark.parametrize("module", ROUTES, ids=lambda module: module.__name__)
def test_every_module_of_routes_has_a_router(module: ModuleType) -> None:
    router = getattr(module, "router", None)
    assert isinstance(router, APIRouter), f"{module.__name__} has no `router`"


@pytest.mark.parametrize("module", ROUTES, ids=lambda module: module.__name__)
def test_every_public_coroutine_in_a_module_of_routes_is_served(
    app: FastAPI, module: ModuleType
) -> None:
    served = {operation.id for operation in operations(app.openapi())}
    served |= {route.name for route in module.router.routes}
    functions = inspect.getmembers(module, inspect.iscoroutinefunction)
    own = {name for name, function in functions if function.__module__ == module.__name__}
    forgotten = {name for name in own - served if not name.startswith("_")}
    assert not forgotten, f"{module.__name__}: no route has the functions {forgotten}"


@pytest.mark.parametrize("module", CONSUMERS, ids=lambda module: module.__name__)
def test_every_consumer_module_with_an_event_model_has_a_subscription(module: ModuleType) -> None:
    classes = inspect.getmembers(module, inspect.isclass)
    models = {
        cls
        for _, cls in classes
        if issubclass(cls, BaseModel) and cls.__module__ == module.__name__
    }
    subscribed = {subscription.model for subscription in load_subscriptions().values()}
    assert not models or models & subscribed, f"{module.__name__} has no `subscription`"


@pytest.mark.parametrize("event_type", load_subscriptions())
def test_a_consumer_requires_only_facts_that_an_event_of_this_service_has(
    event_type: str,
) -> None:
    import_submodules(domain)
    if event_type not in EVENT_TYPES:
        pytest.skip("an event of another service")
    facts = {field.name for field in fields(EVENT_TYPES[event_type])}
    model = load_subscriptions()[event_type].model
    required = {name for name, field in model.model_fields.items() if field.is_required()}
    assert required <= facts, f"{event_type} has no {required - facts}"
    sent = json_types(TypeAdapter(EVENT_TYPES[event_type]).json_schema())
    read = json_types(model.model_json_schema())
    differ = {
        name
        for name in sent.keys() & read.keys()
        if read[name] not in {sent[name], "number" if sent[name] == "integer" else None}
    }
    assert not differ, f"{event_type}: the model reads {differ} as another type than the event has"


def json_types(schema: dict[str, Any]) -> dict[str, str]:
    """Return the JSON type of each property that has exactly one."""
    properties = schema.get("properties", {})
    return {name: field["type"] for name, field in properties.items() if "type" in field}


@pytest.mark.parametrize("name", load_subscriptions())
def test_a_subscription_to_an_event_of_this_service_spells_its_name_right(name: str) -> None:
    own = {event for event, cls in EVENT_TYPES.items() if cls.__module__.startswith("src.")}
    subjects = {event.partition(".")[0] for event in own}

    if name.partition(".")[0] in subjects:
        assert name in own, f"no event of this service is named {name!r}"


REPOSITORIES = [
    repository
    for repository in vars(new_db_unit_of_work()).values()
    if type(repository).__module__.startswith("src.repositories.")
]


@pytest.mark.parametrize("repository", REPOSITORIES, ids=lambda it: type(it).__name__)
def test_a_method_that_takes_an_aggregate_saves_it_with_its_events(repository: object) -> None:
    for name, method in inspect.getmembers(type(repository), inspect.isfunction):
        hints = get_type_hints(method)
        aggregates = [cls for cls in hints.values() if inspect.isclass(cls) and cls in AGGREGATES]
        if aggregates and hints.get("return") not in aggregates:
            source = inspect.getsource(method)
            assert "execute_without_events" not in source, f"{name}: use `outbox.save`"
            assert "database.fetch" not in source, f"{name}: use `outbox.save`"
