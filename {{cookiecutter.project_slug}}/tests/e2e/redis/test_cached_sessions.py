"""Sessions in the cache: what is stored, and what it costs to authenticate a request."""

from collections.abc import Awaitable, Callable
from typing import Any

import jwt
import orjson
import pytest
from redis.asyncio import Connection, Redis
from sqlalchemy import text

from src.config import AppSettings
from src.container import build_container, open_resources
from src.repositories.postgres.engine import Database
from src.usecases.accounts.authenticate import Authenticate
from src.utils.settings import Settings
from tests.support.accounts import Login
from tests.support.service import without
from tests.support.waiting import eventually


class Calls:
    """Counts the calls of a method."""

    def __init__(self, patch: pytest.MonkeyPatch, owner: type, method: str) -> None:
        self.count = 0
        original: Callable[..., Awaitable[Any]] = getattr(owner, method)

        async def counted(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            return await original(*args, **kwargs)

        patch.setattr(owner, method, counted)


async def cached_values(redis: Redis, settings: Settings, login: Login) -> list[bytes]:
    """Wait until the session and the user of a login are cached, and return their values."""
    claims = jwt.decode(login.access_token, options={"verify_signature": False})
    service = settings[AppSettings].name
    names = [f"{service}:session:{claims['sid']}", f"{service}:user:{claims['sub']}"]

    async def values() -> list[bytes]:
        found: list[Any] = await redis.mget(names)
        return found if all(found) else []

    return await eventually(values)


async def test_the_cache_holds_no_password_hash_and_no_token(
    settings: Settings, redis: Redis, database: Database, login: Login
) -> None:
    user = (await login.me()).json()
    query = text("SELECT password_hash FROM users WHERE email = :email")
    [[password_hash]] = await database.fetch(query, {"email": user["email"]})
    secrets = [password_hash, login.access_token, login.refresh_token]

    for value in await cached_values(redis, settings, login):
        assert "password_hash" not in orjson.loads(value)
        assert not [secret for secret in secrets if secret.encode() in value]


async def test_an_authenticated_request_makes_one_round_trip_to_redis_and_no_query(
    settings: Settings, redis: Redis, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = build_container(settings)
    async with open_resources(container):
        authenticate = container.resolve(Authenticate)
        await authenticate.execute(login.access_token)
        await cached_values(redis, settings, login)
        await authenticate.execute(login.access_token)  # a second connection is open by now
        sent = Calls(monkeypatch, Connection, "send_packed_command")
        queries = Calls(monkeypatch, Database, "fetch")
        for _ in range(5):
            await authenticate.execute(login.access_token)
    assert (sent.count, queries.count) == (5, 0)


async def test_without_redis_an_authenticated_request_makes_one_query(
    settings: Settings, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = build_container(without(settings, "redis"))
    async with open_resources(container):
        queries = Calls(monkeypatch, Database, "fetch")
        for _ in range(5):
            await container.resolve(Authenticate).execute(login.access_token)
    assert queries.count == 5
