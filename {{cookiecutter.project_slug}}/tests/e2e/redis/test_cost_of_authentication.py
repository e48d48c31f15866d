"""What recognising who makes a request costs: one round trip to Redis, or one query without it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import Connection

from src.config import Settings
from src.container import build_container, open_resources
from src.domain.session import Session
from src.repositories.db.engine import Database
from src.usecases.authenticate import Authenticate
from src.usecases.ports.security import Tokens
from tests.support.network import closed_port


class Count:
    """Counts calls of a method."""

    def __init__(self, patch: pytest.MonkeyPatch, owner: type, method: str) -> None:
        self.calls = 0
        original: Callable[..., Awaitable[Any]] = getattr(owner, method)

        async def counted(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            return await original(*args, **kwargs)

        patch.setattr(owner, method, counted)


async def test_an_authenticated_request_makes_one_round_trip_to_redis_and_no_query(
    settings: Settings, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = build_container(settings)
    async with open_resources(container):
        token = container.resolve(Tokens).issue(session, session.rotated_at).access_token
        authenticate = container.resolve(Authenticate)
        await authenticate.execute(token)
        await asyncio.sleep(0.5)  # for the fill, which no reader waits for
        sent = Count(monkeypatch, Connection, "send_packed_command")
        queries = Count(monkeypatch, Database, "fetch")
        for _ in range(5):
            await authenticate.execute(token)
    assert (sent.calls, queries.calls) == (5, 0)


async def test_without_redis_it_makes_one_query(
    settings: Settings, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = settings.redis.model_copy(update={"host": "127.0.0.1", "port": closed_port()})
    container = build_container(settings.model_copy(update={"redis": gone}))
    async with open_resources(container):
        token = container.resolve(Tokens).issue(session, session.rotated_at).access_token
        queries = Count(monkeypatch, Database, "fetch")
        for _ in range(5):
            await container.resolve(Authenticate).execute(token)
    assert queries.calls == 5
