"""A connection to Redis: its timeouts, its encryption, and what it refuses."""

from ssl import SSLContext
from typing import Any

from redis import exceptions
from redis.asyncio import Connection

from src.repositories.cache.redis.errors import NO_CLUSTER, RedisRefusedError, refusal_of
from src.repositories.cache.redis.timeout import LoopTimeout

CONNECT_TIMEOUT_SECONDS = 0.5
"""Longer than a read's timeout: a connection takes several turns of a busy event loop."""
CLOSE_TIMEOUT_SECONDS = 2.0
UNBOUNDED = 2**30


class RedisConnection(Connection):
    """Waits `answer_seconds` for an answer, measured in steps of the event loop.

    An error that the settings cause is raised as `RedisRefusedError`.
    """

    def __init__(self, *, answer_seconds: float, tls: SSLContext | None, **options: Any) -> None:
        # Without redis-py's own timeouts, which a process without CPU reaches by itself.
        super().__init__(
            socket_timeout=None,
            socket_connect_timeout=CLOSE_TIMEOUT_SECONDS,
            driver_info=None,  # the name of the library needs a right of its own
            **options,
        )
        self._answer_seconds = answer_seconds
        self._tls = tls

    async def connect_check_health(self, *arguments: Any, **options: Any) -> None:
        try:
            await super().connect_check_health(*arguments, **options)
        except exceptions.RedisError as error:
            raise refusal_of(error) or error from error

    async def _connect(self) -> None:
        async with LoopTimeout(CONNECT_TIMEOUT_SECONDS):
            await super()._connect()  # type: ignore[no-untyped-call]
        if self._writer is not None:
            # A send never waits: the timeout of its answer covers it.
            self._writer.transport.set_write_buffer_limits(UNBOUNDED)

    async def on_connect_check_health(self, *arguments: Any, **options: Any) -> None:
        await super().on_connect_check_health(*arguments, **options)
        await self.send_command("HELLO", check_health=False)
        server = await self.read_response()
        if isinstance(server, dict) and server.get(b"mode") == b"cluster":
            raise RedisRefusedError(NO_CLUSTER)

    async def read_response(self, *arguments: Any, **options: Any) -> Any:
        try:
            async with LoopTimeout(self._answer_seconds):
                return await super().read_response(*arguments, **options)
        except OSError:
            raise exceptions.TimeoutError(f"Timeout reading from {self._host_error()}") from None
        except exceptions.RedisError as error:
            raise refusal_of(error) or error from None

    def _connection_arguments(self) -> dict[str, Any]:
        return {**super()._connection_arguments(), "ssl": self._tls}
