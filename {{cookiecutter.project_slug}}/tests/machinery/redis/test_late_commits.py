"""A commit that arrives after its writer's mark has expired must fail."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
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
SESSIONS = text("SELECT pid FROM pg_stat_activity WHERE application_name = :name AND xact_start < now()")


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
