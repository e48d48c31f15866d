"""The cache while Redis fails and writers crash, and protocols that are too weak."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from tests.resilience import report
from tests.resilience.readers import CacheLoad, Window
from tools.common.files import replace_once
from tools.servers.clients import redis_client

if TYPE_CHECKING:
    from pathlib import Path

    from tests.resilience.conftest import NewRunner
    from tests.resilience.runner import Runner
    from tools.servers.running import Servers

READS = report.size(8_000, 220_000)
ROUNDS = report.size(1, 12)
AWAY = 1.5
BETWEEN = 2.0
# docs/cache.md of the service: for this long after Redis is back, a read may be stale.
BOUND = 1.0
TTL = 4

UNIT_OF_WORK = "src/repositories/unit_of_work.py"
SCRIPTS = "src/repositories/cache/redis/scripts.py"
COMMIT = "            await self._transaction.commit()\n"
CRASH = '            __import__("src.crash").crash.at_random()\n'
CRASH_MODULE = """import os, random, signal

def at_random():
    if random.random() < float(os.environ.get("CRASH_RATE", "0")):
        os.kill(os.getpid(), signal.SIGKILL)
"""

ASK = """    if redis.call('EXISTS', key .. ':writers') == 1 then
      answer = 1
    elseif redis.call('SET', key .. ':lease', ARGV[1], 'NX', 'PX', ARGV[2]) then
      answer = 0
    else
      answer = tonumber(redis.call('GET', key .. ':lease'))
    end
"""
MARK = """  redis.call('ZADD', key .. ':writers', deadline, ARGV[1])
  redis.call('EXPIRE', key .. ':writers', ARGV[2])
"""
UNMARK = "  redis.call('ZREM', key .. ':writers', ARGV[1])\n"
DELETE = "  redis.call('DEL', key, key .. ':lease')\n"
FILL_WITHOUT_LEASE = (
    (ASK, "    answer = 0\n"),
    ("  if redis.call('GET', key .. ':lease') == lease then\n", "  if true then\n"),
)
MUTANTS = {
    "delete before the commit": (
        *FILL_WITHOUT_LEASE,
        (DELETE + MARK, DELETE),
        (DELETE + UNMARK, ""),
    ),
    "delete after the commit": (
        *FILL_WITHOUT_LEASE,
        (DELETE + MARK, ""),
        (DELETE + UNMARK, DELETE),
    ),
    "delete before and after it": (*FILL_WITHOUT_LEASE, (MARK, "")),
}


def killed(servers: Servers) -> None:
    """Kill Redis, which loses its data, and start it again."""
    servers.redis.kill()
    time.sleep(AWAY)
    servers.redis.launch()
    servers.redis.wait()


def paused(servers: Servers) -> None:
    """Pause Redis, and continue it with all its data."""
    servers.redis.pause()
    time.sleep(AWAY)
    servers.redis.resume()
    servers.redis.wait()


def flushed(servers: Servers) -> None:
    """Delete all data in Redis."""

    async def flush() -> None:
        async with redis_client(servers.environment()) as client:
            await client.flushall()

    asyncio.run(flush())


@pytest.fixture
def crashing_writers(changed: Path) -> Path:
    """The service with writers that crash at random after their commit."""
    (changed / "src/crash.py").write_text(CRASH_MODULE)
    replace_once(changed / UNIT_OF_WORK, (COMMIT, COMMIT + CRASH))
    return changed


@pytest.mark.timeout(report.size(240, 1800))
def test_after_a_fault_of_redis_reads_are_stale_for_a_second_at_most(
    new_runner: NewRunner, servers: Servers
) -> None:
    load = CacheLoad(new_runner())
    for _ in range(2):
        load.start()
    windows: list[Window] = []
    for fault in [killed, paused, flushed] * ROUNDS:
        time.sleep(BETWEEN)
        begun = time.monotonic()
        fault(servers)
        windows.append((begun, time.monotonic() + BOUND))
    time.sleep(BETWEEN)
    load.stop(READS)
    verdict = load.verdict("Redis killed, paused and flushed", windows)
    assert verdict.reads >= READS
    assert verdict.stale == 0, verdict


@pytest.mark.timeout(report.size(240, 1800))
def test_writers_that_crash_after_their_commit_leave_no_stale_value(
    new_runner: NewRunner, crashing_writers: Path
) -> None:
    load = CacheLoad(new_runner(crashing_writers))
    load.start()
    crashes = crash_writers(load, report.size(3, 20), rate="0.02")
    load.stop(READS)
    verdict = load.verdict(f"{crashes} writers crashed after their commit")
    assert verdict.stale == 0, verdict


@pytest.mark.timeout(report.size(240, 1800))
def test_a_writer_that_crashes_while_redis_is_paused_leaves_a_stale_value_for_the_ttl_at_most(
    new_runner: NewRunner, crashing_writers: Path, servers: Servers
) -> None:
    load = CacheLoad(new_runner(crashing_writers, REDIS_TTL_SECONDS=str(TTL)))
    load.start()
    time.sleep(BETWEEN)
    begun = time.monotonic()
    servers.redis.pause()
    crashes = crash_writers(load, 2, rate="0.5")
    servers.redis.resume()
    servers.redis.wait()
    windows = [(begun, time.monotonic() + TTL + BOUND)]
    time.sleep(TTL + BOUND + BETWEEN)
    load.stop(READS)
    verdict = load.verdict(f"{crashes} writers crashed while Redis was paused", windows)
    assert verdict.stale == 0, verdict


def crash_writers(load: CacheLoad, crashes: int, rate: str) -> int:
    """Start processes one after the other, each of which crashes at a write."""
    for _ in range(crashes):
        code = load.runner.reap(load.runner.cache_driver(*load.words(10**9), CRASH_RATE=rate))
        assert code == -9, load.runner.tail()
    return crashes


@pytest.mark.timeout(report.size(120, 600))
@pytest.mark.parametrize("name", MUTANTS)
def test_a_protocol_without_leases_or_marks_is_detected(
    new_runner: NewRunner, changed: Path, name: str
) -> None:
    replace_once(changed / SCRIPTS, *MUTANTS[name])
    runner: Runner = new_runner(changed)
    load = CacheLoad(runner)
    # The fault needs a race, which a slow machine may not show at once.
    for _ in range(6):
        load.run(report.size(8_000, 20_000))
        verdict = load.verdict(f"{name} (deliberate fault)")
        if verdict.stale:
            break
    report.mutant(name, verdict)
    assert verdict.stale > 0
