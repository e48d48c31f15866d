"""Counts what must be true, by asking PostgreSQL and RabbitMQ and nobody else."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.resilience import amqp
from tools.namespace import connect_postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.resilience.rig import Rig

# How long nothing may change before what is missing counts as lost.
PATIENCE = 15.0

COUNTS = """
SELECT (SELECT count(*) FROM users) AS events,
       (SELECT count(*) FROM users u
         WHERE NOT EXISTS (SELECT FROM notifications n WHERE n.user_id = u.id)) AS unhandled,
       (SELECT count(*) FROM notifications n
         WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = n.user_id)) AS ghosts,
       (SELECT count(*) - count(DISTINCT user_id) FROM notifications) AS doubled,
       (SELECT count(*) FROM outbox_messages) AS waiting
"""


@dataclass(frozen=True)
class Verdict:
    """What became of the events: users are committed, notifications are their effects."""

    events: int
    lost: int
    ghosts: int
    doubled: int

    @property
    def is_clean(self) -> bool:
        """Tell whether every event had its effect once, and nothing else had one."""
        return self.events > 0 and self.lost == self.ghosts == self.doubled == 0


def verdict(rig: Rig, patience: float = PATIENCE) -> Verdict:
    """Wait until all is handled or nothing moves any more, then count."""
    before, since = rows(rig, COUNTS), time.monotonic()
    while before[0]["unhandled"] or before[0]["waiting"]:
        time.sleep(0.2)
        now = rows(rig, COUNTS)
        if now != before:
            before, since = now, time.monotonic()
        if time.monotonic() - since > patience:
            break
    time.sleep(1)  # for effects that come twice
    [counts] = rows(rig, COUNTS)
    users = {str(row["id"]) for row in rows(rig, "SELECT id FROM users")}
    return Verdict(
        counts["events"],
        counts["unhandled"] + len(rig.acknowledged() - users),
        counts["ghosts"] + len(amqp.announced(rig) - users),
        counts["doubled"],
    )


def rows(rig: Rig, query: str) -> list[dict[str, int]]:
    """Ask the scenario's database."""

    async def ask() -> list[dict[str, int]]:
        connection = await connect_postgres(rig.settings)
        try:
            return [dict(row) for row in await connection.fetch(query, timeout=15)]
        finally:
            await connection.close()

    return asyncio.run(ask())


def count(rig: Rig, query: str) -> int:
    """Ask the scenario's database for one number."""
    [row] = rows(rig, query)
    [number] = row.values()
    return number


@contextmanager
def locked(rig: Rig, table: str) -> Iterator[None]:
    """Have every writer to a table wait for the length of a `with`."""
    with asyncio.Runner() as runner:
        connection = runner.run(connect_postgres(rig.settings))
        runner.run(connection.execute(f"BEGIN; LOCK TABLE {table} IN SHARE MODE"))
        try:
            yield
        finally:
            runner.run(connection.close())


def eventually(question: str, holds: Callable[[], bool], within: float = 30) -> float:
    """Wait until something holds and return how long that took; fail with the question if never."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < within, f"not within {within:.0f} s: {question}"
        time.sleep(0.1)
    return time.monotonic() - begun
