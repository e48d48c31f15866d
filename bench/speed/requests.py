"""The ratios of one request to the same of bare FastAPI, each from runs side by side."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from bench.report import Measure
from bench.speed.target import Load, Target, serving
from bench.stage import Stage
from tools.common.errors import ToolError
from tools.servers.clients import redis_client

ME, LIVE, REGISTER = "/api/v1/users/me", "/health/live", "/api/v1/auth/register"
HIT = Measure("me from the cache ÷ REF", 1.25, 0.85, at_most=True)
TAIL = Measure("the same, p99 ÷ p50", 4, 2.5, at_most=True)
MISS = Measure("me from Postgres ÷ ORM read", 1.1, 0.6, at_most=True)
ALIVE = Measure("health/live ÷ bare FastAPI", 1.6, 1.3, at_most=True)
OPEN = Measure("register, ms CPU beyond the hash", 1.5, 0.8, at_most=True)
START = Measure("first answer ÷ bare FastAPI's", 2.5, 2.0, at_most=True)
MEMORY = Measure("memory after many ÷ few requests", 1.05, 1.02, at_most=True)
ALL = (HIT, TAIL, MISS, ALIVE, OPEN, START, MEMORY)
APP, UNHASHED = "src.main:app", "bench.speed.unhashed:app"
BARE, REFERENCE = "bench.speed.bare:app", "bench.speed.apps:app"
USERS_OF_HITS = 100


@dataclass
class Requests:
    """Who is asked, and for how long."""

    stage: Stage
    wrk: str
    tokens: Path
    users: int
    seconds: int
    cpu: dict[str, list[float]] = field(default_factory=dict)
    """Milliseconds for a request, by what was asked, a value for each round."""

    def round(self, service: Target, reference: Target, unhashed: Target) -> None:
        """Measure everything once, the two sides of each ratio one after the other."""
        hits: tuple[str | Path, ...] = (self.tokens, str(USERS_OF_HITS))
        ref = self._load("REF", reference, "/ref/me", *hits)
        service.load(ME, 1, *hits)  # fills the cache
        ours = self._load("me, hit", service, ME, *hits)
        HIT.values.append(ours.cpu_ms / ref.cpu_ms)
        TAIL.values.append(ours.p99 / ours.p50)
        every = (self.tokens, str(self.users))
        orm = self._load("ORM read", reference, "/orm/me", *every)
        asyncio.run(self._forget())
        miss = self._load("me, miss", service, ME, *every)
        if miss.requests > self.users:
            text = f"{miss.requests} misses need as many users: see --users"
            raise ToolError(text)
        MISS.values.append(miss.cpu_ms / orm.cpu_ms)
        opened = self._load("register", unhashed, REGISTER, "register", str(len(OPEN.values)))
        OPEN.values.append(opened.cpu_ms)
        self._start_both(hits)

    def _start_both(self, hits: tuple[str | Path, ...]) -> None:
        with (
            serving(self.stage, BARE, self.wrk) as bare,
            serving(self.stage, APP, self.wrk) as ours,
        ):
            START.values.append(ours.first_answer / bare.first_answer)
            for target in (bare, ours):
                target.load(LIVE, 1, *hits)
            alone = self._load("bare live", bare, LIVE, *hits)
            ALIVE.values.append(self._load("live", ours, LIVE, *hits).cpu_ms / alone.cpu_ms)

    def memory(self, few: int, many: int) -> None:
        """Compare a fresh process after few requests and after many."""
        hits = (self.tokens, str(USERS_OF_HITS))
        with serving(self.stage, APP, self.wrk) as target:
            asked, sizes = 0, []
            for enough in (few, many):
                while asked < enough:
                    asked += target.load(ME, 1 if enough == few else 5, *hits).requests
                sizes.append(target.resident())
        MEMORY.values.append(sizes[1] / sizes[0])

    def _load(self, name: str, target: Target, path: str, *words: str | Path) -> Load:
        load = target.load(path, self.seconds, *words)
        self.cpu.setdefault(name, []).append(load.cpu_ms)
        return load

    async def _forget(self) -> None:
        """Empty the cache of users and sessions."""
        name = self.stage.settings["APP_NAME"]
        async with redis_client(self.stage.settings) as client:
            for kind in ("user", "session"):
                keys = [key async for key in client.scan_iter(f"{name}:{kind}:*", count=1000)]
                for at in range(0, len(keys), 1000):
                    await client.delete(*keys[at : at + 1000])
