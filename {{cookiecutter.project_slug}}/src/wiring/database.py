"""Postgres: the pool, the unit of work, the outbox's notifications and the inbox."""

from functools import partial

import punq

from src.config import SERVICE, AppSettings, MigrationSettings, PostgresSettings
from src.repositories.outbox.inbox import PurgeInbox
from src.repositories.outbox.notify import OutboxListener, OutboxNotifier
from src.repositories.postgres.engine import Database
from src.repositories.postgres.guard import DatabaseGuard
from src.repositories.unit_of_work import DBUnitOfWork
from src.usecases.operations.check_readiness import Dependency
from src.usecases.ports.cache import ReadThroughCache
from src.usecases.ports.purge import PurgeStep
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from src.utils.settings import Settings
from src.wiring import Part, Resource


def _create_database(postgres: PostgresSettings, *, application_name: str) -> Database:
    return Database(
        url=postgres.url,
        tls=postgres.tls,
        pool_size=postgres.pool_size,
        application_name=application_name,
        guard=DatabaseGuard(SERVICE),
        is_pooled=postgres.pooler != "none",
        direct_url=postgres.direct_url,
    )


def register(container: punq.Container, settings: Settings) -> None:
    """Register the database and the unit of work."""
    name = settings[AppSettings].name
    database = _create_database(settings[PostgresSettings], application_name=name)
    listener = OutboxListener(database)
    notifier = OutboxNotifier(database)
    container.register(Database, instance=database)
    container.register(OutboxListener, instance=listener)
    container.register(OutboxNotifier, instance=notifier)
    for resource in (database, listener, notifier):
        container.register(Resource, instance=resource)
    container.register(
        Dependency,
        instance=Dependency(name="postgres", check=database.check, is_required=True),
    )
    container.register(PurgeStep, instance=PurgeInbox(database=database))

    def unit_of_work_factory() -> UnitOfWorkFactory:
        cache = container.resolve(ReadThroughCache)
        return partial(DBUnitOfWork, database=database, cache=cache, notifier=notifier, source=name)

    container.register(UnitOfWorkFactory, factory=unit_of_work_factory, scope=punq.Scope.singleton)


part = Part(settings=(PostgresSettings, MigrationSettings), register=register)
