"""Growth: the same requests on databases of a thousand and of a million users, and memory."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import httpx2

from bench import load, messages
from bench.accounts import Accounts
from bench.load import PASSWORD, Gets, Target
from bench.report import Measure, Ratio
from bench.requests import EQUAL, ME, USERS_OF_HITS
from bench.server import App, Server, serving

FLAT = 1.2
REQUESTS = 100
ONLY_FIRST = "DELETE FROM users WHERE email <> 'first@example.com'"
FEW = 1_000

DRAIN = Ratio("outbox behind a backlog ÷ alone", 1 / FLAT, better="more")
MEMORY = Measure("memory after many ÷ few requests", 1.05, 1.02)
NOW_MEMORY = Measure("memory after many requests ÷ before", goal=EQUAL)

Times = dict[str, list[float]]
"""Seconds that requests took, by what was asked."""


@dataclass
class Growth:
    """Servers on databases of several sizes, and the limits for their ratios."""

    sizes: Sequence[int]
    servers: list[Server]
    measures: dict[str, Measure] = field(default_factory=dict)

    def round(self) -> None:
        """Compare the medians of the requests' times.

        Each server is asked in turn, by one client, so that other load falls on all of them.
        """
        found: list[Times] = [{"login": [], "me": [], "refresh": []} for _ in self.servers]
        numbers = [random.sample(range(1, size + 1), REQUESTS) for size in self.sizes]
        with httpx2.Client(timeout=10, trust_env=False) as client:
            for users in zip(*numbers, strict=True):
                for server, user, times in zip(self.servers, users, found, strict=True):
                    _visit(client, f"{server.url}/api/v1", user, times)
        for size, times in zip(self.sizes[1:], found[1:], strict=True):
            for kind, values in times.items():
                title = f"{kind}, {size:.0e} ÷ {self.sizes[0]:.0e} users"
                measure = self.measures.setdefault(title, Measure(title, FLAT))
                measure.values.append(median(values) / median(found[0][kind]))


@contextmanager
def growing(accounts: Accounts, sizes: Sequence[int]) -> Iterator[Growth]:
    """Fill a database for each size, and serve from each."""
    with ExitStack() as stack:
        apps = []
        for size in sizes:
            side = stack.enter_context(accounts.side.with_database())
            side.sql(ONLY_FIRST, "VACUUM users, sessions")
            accounts.fill(size, side)
            apps.append(App(side))
        yield Growth(sizes, stack.enter_context(serving(*apps)))


def _visit(client: httpx2.Client, api: str, number: int, times: Times) -> None:
    """Log in, read the user with nothing in the cache, and refresh."""
    user = {"email": f"user-{number}@example.com", "password": PASSWORD}
    pair = _timed(times["login"], client.post, f"{api}/auth/login", json=user)
    bearer = {"Authorization": f"Bearer {pair['access_token']}"}
    _timed(times["me"], client.get, f"{api}/users/me", headers=bearer)
    body = {"refresh_token": pair["refresh_token"]}
    _timed(times["refresh"], client.post, f"{api}/auth/refresh", json=body)


def _timed(  # a JSON document
    times: list[float], ask: Callable[..., httpx2.Response], url: str, **more: object
) -> Any:  # noqa: ANN401
    begun = time.perf_counter()
    answer = ask(url, **more)
    times.append(time.perf_counter() - begun)
    return answer.raise_for_status().json()


def drain(alone: Accounts, behind: Accounts, backlog: int, events: int, rounds: int) -> None:
    """Relay events from a full outbox, and as many from one that holds no more."""
    with behind.side.with_database() as side:
        behind.fill_outbox(backlog + events, side)
        for _ in range(rounds):
            figures = messages.relay(events, alone, backlog=(side, backlog + events))
            DRAIN.add(figures[1], figures[0])


def memory(sides: Sequence[Accounts], requests: int) -> None:
    """Compare a process after few requests and after many, and with the version before."""
    with serving(*(App(accounts.side) for accounts in sides)) as servers:
        targets = [
            Target(server.process, server.port, Gets.repeated(ME, accounts.tokens(USERS_OF_HITS)))
            for accounts, server in zip(sides, servers, strict=True)
        ]
        asked = 0.0
        sizes = []
        for enough in (FEW, requests):
            while asked < enough:
                seconds = 1 if enough == FEW else 5
                asked += load.run(seconds, *targets)[0].per_second * seconds
            sizes.append([server.process.resident_kib() for server in servers])
    MEMORY.values.append(sizes[1][0] / sizes[0][0])
    if len(sides) > 1:
        NOW_MEMORY.values.append(sizes[1][0] / sizes[1][1])
