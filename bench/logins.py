"""Logins: reads beside them, and what their times reveal. The hash has its real cost here."""

import asyncio
import time
from dataclasses import dataclass, field
from uuid import uuid4

import httpx2

from bench.accounts import Accounts
from bench.load import PASSWORD
from bench.report import Measure, area_under_curve, percentile
from bench.requests import REAL_HASH
from bench.server import App, serving
from tools.common.errors import ToolError

AT_ONCE = 8
WRONG = "wrong-password-of-the-bench"

BESIDE = Measure("read p99 beside 8 logins ÷ idle", 10, 3)
LATE = Measure("health/live p99 beside 8 logins, ms", 10)
ORACLE = Measure("wrong password or no account, AUC", 0.55)
ALL = (BESIDE, LATE, ORACLE)


@dataclass
class Logins:
    """Measures one version; the times of refused logins come from all rounds."""

    accounts: Accounts
    reads: int
    logins: int
    known: list[float] = field(default_factory=list)
    unknown: list[float] = field(default_factory=list)

    def round(self) -> None:
        """Measure everything once."""
        app = App(self.accounts.side, settings=REAL_HASH)
        token = self.accounts.tokens(1)[0]
        with serving(app) as [server]:
            asyncio.run(self._round(server.url, {"Authorization": f"Bearer {token}"}))

    async def _round(self, url: str, bearer: dict[str, str]) -> None:
        async with httpx2.AsyncClient(base_url=url, timeout=120, trust_env=False) as client:
            await _reads(client, "/api/v1/users/me", bearer, self.reads // 10 + 1)
            idle = await _reads(client, "/api/v1/users/me", bearer, self.reads)
            known = await _register(client)
            hashing = [asyncio.create_task(_keep_hashing(client, known)) for _ in range(AT_ONCE)]
            await asyncio.sleep(0.5)
            busy = await _reads(client, "/api/v1/users/me", bearer, self.reads)
            late = await _reads(client, "/health/live", {}, self.reads)
            for task in hashing:
                if task.done():
                    task.result()
                task.cancel()
            await asyncio.gather(*hashing, return_exceptions=True)
            for _ in range(self.logins // 2):
                self.known.append(await _refused(client, known))
                self.unknown.append(await _refused(client, f"{uuid4().hex}@example.com"))
        BESIDE.values.append(busy / idle)
        LATE.values.append(late * 1000)
        ORACLE.values[:] = [area_under_curve(self.known, self.unknown)]


async def _reads(
    client: httpx2.AsyncClient, path: str, headers: dict[str, str], count: int
) -> float:
    """Return the 99th percentile of reads, one after the other."""
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        answer = await client.get(path, headers=headers)
        times.append(time.perf_counter() - begun)
        answer.raise_for_status()
    return percentile(times, 0.99)


async def _register(client: httpx2.AsyncClient) -> str:
    """Register a user: this server makes the hash, at its real cost."""
    email = f"{uuid4().hex}@example.com"
    body = {"email": email, "password": PASSWORD}
    (await client.post("/api/v1/auth/register", json=body)).raise_for_status()
    return email


async def _keep_hashing(client: httpx2.AsyncClient, email: str) -> None:
    while True:
        await _refused(client, email)


async def _refused(client: httpx2.AsyncClient, email: str) -> float:
    """Return how long it takes to refuse a login."""
    begun = time.perf_counter()
    answer = await client.post("/api/v1/auth/login", json={"email": email, "password": WRONG})
    if answer.status_code != httpx2.codes.UNAUTHORIZED:
        text = f"A login with a wrong password answered {answer.status_code}."
        raise ToolError(text)
    return time.perf_counter() - begun
