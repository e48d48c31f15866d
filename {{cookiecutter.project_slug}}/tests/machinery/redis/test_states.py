"""What the readiness reports of a Redis that answers and cannot do its work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from redis.asyncio import Redis

from src.repositories.cache.redis.cache import RedisCache
from src.repositories.cache.redis.client import RedisServer
from src.usecases.errors import ServerState, UnavailableError


@asynccontextmanager
async def refusing_redis(error: str) -> AsyncIterator[int]:
    """Run a server that answers every SET with an error, and all else with OK. Returns its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                words = []
                for _ in range(int((await reader.readline())[1:])):
                    length = int((await reader.readline())[1:])
                    words.append((await reader.readexactly(length + 2))[:-2])
                writer.write(f"-{error}\r\n".encode() if words[0] == b"SET" else b"+OK\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def state_of(redis: Redis) -> ServerState:
    """Return the state that a check of the cache reports."""
    cache = RedisCache(redis=redis, invalidator_redis=redis, namespace="test", ttl_seconds=60)
    try:
        await cache.check()
    except UnavailableError as error:
        return error.state
    finally:
        await cache.aclose()
    return "ok"


@pytest.mark.parametrize(
    ("error", "state"),
    [
        pytest.param("READONLY You can't write against a read only replica.", "read-only"),
        pytest.param("OOM command not allowed when used memory > 'maxmemory'.", "full"),
        pytest.param("NOPERM User app has no permissions to run 'set'", "refused"),
        pytest.param("LOADING Redis is loading the dataset in memory", "unavailable"),
    ],
    ids=lambda text: text.split()[0],
)
async def test_a_redis_that_cannot_write_is_reported_with_its_reason(
    error: str, state: ServerState
) -> None:
    async with refusing_redis(error) as port:
        client = RedisServer(host="127.0.0.1", port=port).client(timeout_seconds=30)
        assert await state_of(client) == state
