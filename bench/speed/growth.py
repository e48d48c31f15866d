"""How cost grows with data: the same requests on databases of a thousand and of a million users."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from secrets import token_hex
from statistics import median
from typing import Any

import httpx2

from bench.report import Measure, Ratio
from bench.speed.target import Target
from bench.stage import Stage
from tools.servers.clients import connect_postgres

USERS = """
INSERT INTO users (id, email, password_hash, is_active, created_at, updated_at, version)
SELECT gen_random_uuid(), 'user-' || n || '@example.com', 'no hash', true, now(), now(), 1
FROM generate_series(1, {}) n
"""
SESSIONS = """
INSERT INTO sessions (id, user_id, generation, rotated_at, idle_expires_at, absolute_expires_at)
SELECT gen_random_uuid(), id, 1, now(), now() + '7 days', now() + '90 days' FROM users
"""
EVENTS = """
INSERT INTO outbox_messages (event_id, event_type, envelope)
SELECT id, 'user.registered.v1', jsonb_build_object(
  'specversion', '1.0', 'id', id, 'source', 'bench', 'type', 'user.registered.v1',
  'time', now(), 'subject', id, 'datacontenttype', 'application/json',
  'data', jsonb_build_object('user_id', id, 'email', id || '@example.com'))
FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, {})) AS made
"""
FLAT, IN_FLIGHT = 1.2, 250

Times = dict[str, list[float]]
"""Seconds that requests took, by what was asked."""


def execute(settings: dict[str, str], *statements: str, database: str | None = None) -> None:
    """Run statements, each by itself."""

    async def run() -> None:
        connection = await connect_postgres(settings, database)
        try:
            for statement in statements:
                await connection.execute(statement, timeout=600)
        finally:
            await connection.close()

    asyncio.run(run())


@contextmanager
def sized(stage: Stage, users: int) -> Iterator[Stage]:
    """Give a stage whose database has that many users, with a session each."""
    name = f"sized_{users}_{token_hex(4)}"
    original = stage.settings["POSTGRES_DB"]
    execute(stage.settings, f'CREATE DATABASE "{name}" TEMPLATE "{original}"', database="postgres")
    settings = {**stage.settings, "POSTGRES_DB": name}
    try:
        execute(settings, "TRUNCATE users CASCADE", "TRUNCATE outbox_messages")
        execute(settings, USERS.format(users), SESSIONS, "ANALYZE")
        yield replace(stage, settings=settings)
    finally:
        execute(stage.settings, f'DROP DATABASE "{name}" WITH (FORCE)', database="postgres")


@dataclass
class Accounts:
    """What requests of users taken at random take, and the limits for their growth."""

    sizes: tuple[int, ...]
    measures: dict[str, Measure] = field(default_factory=dict)

    def run(self, targets: Sequence[Target], requests: int) -> None:
        """Measure on each database once; what is compared is the median of a request's time.

        Each is asked in turn, so that what else the machine does falls on all of them.
        """
        found: list[Times] = [{"login": [], "me": [], "refresh": []} for _ in targets]
        users = [random.sample(range(1, size + 1), requests) for size in self.sizes]
        with httpx2.Client(timeout=10, trust_env=False) as client:
            for numbers in zip(*users, strict=True):
                for target, number, times in zip(targets, numbers, found, strict=True):
                    visit(client, f"{target.url}/api/v1", number, times)
        for size, times in zip(self.sizes[1:], found[1:], strict=True):
            for kind, values in times.items():
                title = f"{kind}, {size:.0e} ÷ {self.sizes[0]:.0e} users"
                measure = self.measures.setdefault(title, Measure(title, FLAT, at_most=True))
                measure.values.append(median(values) / median(found[0][kind]))


def visit(client: httpx2.Client, api: str, number: int, times: Times) -> None:
    """Log in, read oneself with nothing in the cache, and refresh."""
    user = {"email": f"user-{number}@example.com", "password": "of nobody"}
    pair = timed(times["login"], client.post, f"{api}/auth/login", json=user)
    bearer = {"Authorization": f"Bearer {pair['access_token']}"}
    timed(times["me"], client.get, f"{api}/users/me", headers=bearer)
    body = {"refresh_token": pair["refresh_token"]}
    timed(times["refresh"], client.post, f"{api}/auth/refresh", json=body)


def timed(times: list[float], ask: Callable[..., httpx2.Response], url: str, **more: object) -> Any:  # noqa: ANN401 - JSON
    """Note how long an answer takes and return it."""
    begun = time.perf_counter()
    answer = ask(url, **more)
    times.append(time.perf_counter() - begun)
    return answer.raise_for_status().json()


DRAIN = Ratio("outbox behind a backlog ÷ alone", 1 / FLAT)


def drain(stage: Stage, behind: Stage, events: int) -> None:
    """Relay as many from a full outbox as from one that holds no more."""
    execute(stage.settings, EVENTS.format(IN_FLIGHT + events))
    DRAIN.add(behind.measure("drain", events), stage.measure("drain", events))
