"""Logins beside reads, and their times: `python -m bench.drivers.accounts READS LOGINS`.

The API runs under Uvicorn as its image runs it. Result: the 99th percentile of `GET /users/me` with
nothing else going on and while eight logins hash without pause, how late the event loop wakes up
while passwords are hashed, and the times of logins with a known and with an unknown address.
"""

# mypy: disable-error-code="import-not-found"
import asyncio
import os
import socket
import sys
import time
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx2
import uvloop
from src.config import HashingSettings
from src.utils.passwords import Argon2Passwords

from bench.drivers.service import open_service, tell
from bench.report import percentile

AT_ONCE = 8
TICK, TICKS = 0.001, 2000
PASSWORD = {"password": "a passphrase of nobody"}
WRONG = {"password": "not the passphrase"}
LIMITS = ("PER_ADDRESS", "PER_ACCOUNT", "PER_ACCOUNT_AND_ADDRESS")
STARTED_WITHIN = 60.0


@asynccontextmanager
async def serving() -> AsyncIterator[httpx2.AsyncClient]:
    """Have the API run, with logins that nobody throttles."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    never = {f"SECURITY_THROTTLE_{limit}": "1000000000" for limit in LIMITS}
    words = ("-m", "uvicorn", "src.main:app", "--port", port, "--no-access-log")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, env={**os.environ, **never}, stdout=DEVNULL
    )
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            await until_ready(client)
            yield client
    finally:
        process.terminate()
        await process.wait()


async def until_ready(client: httpx2.AsyncClient) -> None:
    """Wait for the start."""
    async with asyncio.timeout(STARTED_WITHIN):
        while True:
            try:
                await client.get("/health/live")
            except httpx2.TransportError:
                await asyncio.sleep(0.1)
            else:
                return


async def log_in(client: httpx2.AsyncClient, email: str, body: dict[str, str]) -> httpx2.Response:
    """Log in, or try to."""
    return await client.post("/api/v1/auth/login", json={"email": email, **body})


async def reads(client: httpx2.AsyncClient, headers: dict[str, str], count: int) -> float:
    """Give the 99th percentile of reads, one after the other, in milliseconds."""
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        answer = await client.get("/api/v1/users/me", headers=headers)
        times.append((time.perf_counter() - begun) * 1000)
        answer.raise_for_status()
    return percentile(times, 0.99)


async def beside_logins(
    client: httpx2.AsyncClient, email: str, headers: dict[str, str], count: int
) -> float:
    """Give the same while eight logins hash without pause."""

    async def keep_hashing() -> None:
        while True:
            answer = await log_in(client, email, WRONG)
            if answer.status_code != httpx2.codes.UNAUTHORIZED:
                sys.exit(f"A login answered {answer.status_code}.")

    hashing = [asyncio.create_task(keep_hashing()) for _ in range(AT_ONCE)]
    await asyncio.sleep(0.5)
    result = await reads(client, headers, count)
    for task in hashing:
        if task.done():
            task.result()
        task.cancel()
    return result


async def refusals(
    client: httpx2.AsyncClient, email: str, count: int
) -> tuple[list[float], list[float]]:
    """Give the times of wrong passwords and of unknown addresses, in turn, in seconds."""
    known: list[float] = []
    unknown: list[float] = []
    for _ in range(count // 2):
        for times, address in ((known, email), (unknown, f"{uuid4().hex}@example.com")):
            begun = time.perf_counter()
            await log_in(client, address, WRONG)
            times.append(time.perf_counter() - begun)
    return known, unknown


async def lateness() -> float:
    """Give how late, in milliseconds, the loop wakes up while passwords are hashed."""
    passwords = Argon2Passwords(service_name="", **HashingSettings().model_dump())

    async def keep_hashing() -> None:
        while True:
            await passwords.verify(None, WRONG["password"])

    hashing = [asyncio.create_task(keep_hashing()) for _ in range(AT_ONCE)]
    late = []
    for _ in range(TICKS):
        due = time.perf_counter() + TICK
        await asyncio.sleep(TICK)
        late.append((time.perf_counter() - due) * 1000)
    for task in hashing:
        task.cancel()
    return percentile(late, 0.99)


async def main(read_count: int, login_count: int) -> None:
    """Measure all of it."""
    email = f"{uuid4().hex}@example.com"
    async with open_service():
        pass  # which empties the tables
    async with serving() as client:
        body = {"email": email, **PASSWORD}
        (await client.post("/api/v1/auth/register", json=body)).raise_for_status()
        tokens = (await log_in(client, email, PASSWORD)).raise_for_status().json()
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        await reads(client, headers, read_count // 10)
        idle = await reads(client, headers, read_count)
        busy = await beside_logins(client, email, headers, read_count)
        known, unknown = await refusals(client, email, login_count)
    late = await lateness()
    tell({"idle": idle, "busy": busy, "late": late, "known": known, "unknown": unknown})


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
