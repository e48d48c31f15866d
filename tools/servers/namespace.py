"""One run's own part of the servers: a database, and a name that prefixes all other objects."""

import json
import secrets

from tools.servers.clients import TIMEOUT, connect_rabbitmq, postgres_connection, redis_client

_RETRY_DELAYS = "[1, 10]"


class Namespace:
    """A part that is created for a run and removed after it: the servers may be a developer's."""

    def __init__(self, servers: dict[str, str]) -> None:
        """Choose a name; `settings` are those of the service."""
        token = secrets.token_hex(4)
        self.name = f"demo-{token}"
        self._servers = servers
        self.settings = {
            **servers,
            "APP_NAME": self.name,
            "POSTGRES_DB": f"demo_{token}",
            # Set here, because there is a queue for each, which has to be removed by name.
            "RABBITMQ_RETRY_DELAYS_SECONDS": _RETRY_DELAYS,
        }

    async def create(self) -> None:
        """Create the database. The service creates its queues and keys itself."""
        await self._administer(f'CREATE DATABASE "{self.settings["POSTGRES_DB"]}"')

    async def remove(self) -> None:
        """Remove the database, the queues, the exchanges and the keys."""
        await self._administer(f'DROP DATABASE IF EXISTS "{self.settings["POSTGRES_DB"]}" (FORCE)')
        async with redis_client(self.settings) as client:
            async for key in client.scan_iter(match=f"*{self.name}*"):
                await client.delete(key)
        async with await connect_rabbitmq(self.settings) as connection:
            channel = await connection.channel()
            for queue in queue_names(self.settings):
                await channel.queue_delete(queue)
            for exchange in ("events", "queues"):
                await channel.exchange_delete(f"{self.name}.{exchange}")

    async def _administer(self, statement: str) -> None:
        async with postgres_connection(self._servers) as connection:
            await connection.execute(statement, timeout=TIMEOUT)


def queue_names(settings: dict[str, str]) -> list[str]:
    """List the worker's queues: its own, one for each retry delay, and that of dead letters."""
    delays = json.loads(settings["RABBITMQ_RETRY_DELAYS_SECONDS"])
    waiting = [f".retry.{seconds}s" for seconds in delays]
    return [f"{settings['APP_NAME']}.consume_worker{ending}" for ending in ("", *waiting, ".dead")]
