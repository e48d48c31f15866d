"""Checks the guarantees of messaging, with data from PostgreSQL and RabbitMQ only."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.resilience import amqp
from tools.servers.clients import connect_postgres, postgres_connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.resilience.runner import Runner

# Events that are still missing after this many seconds without any change count as lost.
PATIENCE = 15.0

COUNTS = """
SELECT (SELECT count(*) FROM users) AS events,
       (SELECT count(*) FROM users u
         WHERE NOT EXISTS (SELECT FROM notifications n WHERE n.user_id = u.id)) AS unhandled,
       (SELECT count(*) FROM notifications n
         WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = n.user_id)) AS uncommitted,
       (SELECT count(*) - count(DISTINCT user_id) FROM notifications) AS duplicated,
       (SELECT count(*) FROM outbox_messages) AS waiting
"""


@dataclass(frozen=True)
class Verdict:
    """The outcome for all events: a committed user is the event, a notification its effect.

    `uncommitted` counts effects and published events of users that were never committed.
    """

    events: int
    lost: int
    uncommitted: int
    duplicated: int

    @property
    def is_clean(self) -> bool:
        """Whether every event had its effect once, and there were no other effects."""
        return self.events > 0 and self.lost == self.uncommitted == self.duplicated == 0


def verdict(runner: Runner, patience: float = PATIENCE) -> Verdict:
    """Wait until all events are handled or nothing changes any more, then count."""
    before = rows(runner, COUNTS)
    since = time.monotonic()
    while before[0]["unhandled"] or before[0]["waiting"]:
        time.sleep(0.2)
        now = rows(runner, COUNTS)
        if now != before:
            before = now
            since = time.monotonic()
        if time.monotonic() - since > patience:
            break
    time.sleep(1)  # for late second effects
    [counts] = rows(runner, COUNTS)
    users = {str(row["id"]) for row in rows(runner, "SELECT id FROM users")}
    return Verdict(
        counts["events"],
        counts["unhandled"] + len(runner.acknowledged() - users),
        counts["uncommitted"] + len(amqp.published_users(runner) - users),
        counts["duplicated"],
    )


def rows(runner: Runner, query: str) -> list[dict[str, int]]:
    """Query the scenario's database."""

    async def ask() -> list[dict[str, int]]:
        async with postgres_connection(runner.settings) as connection:
            return [dict(row) for row in await connection.fetch(query, timeout=15)]

    return asyncio.run(ask())


def count(runner: Runner, query: str) -> int:
    """Query the scenario's database for one number."""
    [row] = rows(runner, query)
    [number] = row.values()
    return number


@contextmanager
def locked(runner: Runner, table: str) -> Iterator[None]:
    """Block all writes to a table for a `with` block."""
    with asyncio.Runner() as loop:
        connection = loop.run(connect_postgres(runner.settings))
        loop.run(connection.execute(f"BEGIN; LOCK TABLE {table} IN SHARE MODE"))
        try:
            yield
        finally:
            loop.run(connection.close())
