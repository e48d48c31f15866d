"""Where the parts meet: each port gets its adapter here, and nowhere else.

Everything is a singleton; a use case opens a unit of work when it runs. Of two registrations of one
type the later counts, which is how a test puts a fake in an adapter's place.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import punq

from src.api.drain import Drain
from src.config import Settings
from src.consumers.dispatcher import EventDispatcher
from src.consumers.subscriptions import SUBSCRIPTIONS
from src.domain.events import EVENTS
from src.repositories.db.engine import Database
from src.repositories.db.message_records import DBMessageRecords
from src.repositories.db.notify import OutboxListener, OutboxNotifier
from src.repositories.db.unit_of_work import DBUnitOfWork
from src.repositories.throttle import LimitsThrottle
from src.usecases import USE_CASES
from src.usecases.check_readiness import Dependency
from src.usecases.ports.cache import ReadThroughCache
from src.usecases.ports.messaging import MessageHandler, MessageRecords
from src.usecases.ports.security import Passwords, Tokens
from src.usecases.ports.throttle import Throttle
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from src.utils.passwords import Argon2Passwords
from src.utils.tokens import SignedTokens
from src.wiring import Resource
# {% if cookiecutter.use_redis %}
from src.wiring.cache_redis import register_cache
# {% else %}
from src.wiring.cache_none import register_cache
# {% endif %}
# {% if cookiecutter.use_rabbitmq %}
from src.wiring.messaging_rabbitmq import register_messaging
# {% else %}
from src.wiring.messaging_postgres import register_messaging
# {% endif %}


def build_container(settings: Settings) -> punq.Container:
    """Return a container in which everything can be resolved. Connects to nothing yet."""
    container = punq.Container()
    drain = Drain(settings.app.drain_seconds)
    container.register(Drain, instance=drain)
    if settings.app.drain_seconds:
        check = Dependency("accepting", drain.check, is_required=True)
        container.register(Dependency, instance=check)
    _register_database(container, settings)
    register_cache(container, settings)
    register_messaging(container, settings)
    _register_security(container, settings)
    for use_case in {*USE_CASES, *(use_case for _, use_case in SUBSCRIPTIONS.values())}:
        container.register(use_case, scope=punq.Scope.singleton)
    return container


@asynccontextmanager
async def open_resources(container: punq.Container) -> AsyncIterator[None]:
    """Keep open what the parts share, and close it in the reverse order."""
    for use_case in USE_CASES:
        container.resolve(use_case)  # made now, so that a fault of wiring shows at the start
    async with AsyncExitStack() as stack:
        for resource in container.resolve(list[Resource]):
            stack.push_async_callback(resource.aclose)
        yield


def _register_database(container: punq.Container, settings: Settings) -> None:
    name, postgres = settings.app.name, settings.postgres
    database = Database(
        postgres.url, tls=postgres.tls, pool_size=postgres.pool_size, application_name=name
    )
    notifier = OutboxNotifier(database)
    for part in (database, OutboxListener(database), notifier):
        container.register(type(part), instance=part)
        container.register(Resource, instance=part)
    check = Dependency("postgres", database.check, is_required=True)
    container.register(Dependency, instance=check)
    container.register(MessageRecords, instance=DBMessageRecords(database))
    handler = EventDispatcher(SUBSCRIPTIONS, [e.name for e in EVENTS], container.resolve)
    container.register(MessageHandler, instance=handler)
    container.register(
        UnitOfWorkFactory,
        lambda: partial(
            DBUnitOfWork, database, container.resolve(ReadThroughCache), notifier, source=name
        ),
        scope=punq.Scope.singleton,
    )


def _register_security(container: punq.Container, settings: Settings) -> None:
    security, once = settings.security, punq.Scope.singleton
    tokens = SignedTokens(
        secret_keys=security.secret_keys,
        issuer=settings.app.name,
        ttl_seconds=security.access_token_ttl_seconds,
        lifetime=security.lifetime,
    )
    container.register(Tokens, instance=tokens)
    hashing = {"service_name": settings.app.name, **settings.security_hashing.model_dump()}
    throttle = settings.security_throttle.model_dump()
    container.register(Passwords, Argon2Passwords, scope=once, **hashing)
    container.register(Throttle, LimitsThrottle, scope=once, **throttle)
