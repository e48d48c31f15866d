"""The cache while Redis fails and writers die, and ways to do it wrong."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from tests.resilience import poison, report
from tests.resilience.readers import Crowd, Window
from tools.namespace import redis_client

if TYPE_CHECKING:
    from pathlib import Path

    from tests.resilience.conftest import NewRig
    from tests.resilience.rig import Rig
    from tools.servers import Servers

READS = report.size(8_000, 220_000)
ROUNDS = report.size(1, 12)
AWAY, BETWEEN = 1.5, 2.0
# docs/cache.md of the service: how long after Redis is back an old value may still be seen.
BOUND = 1.0
TTL = 4

UNIT_OF_WORK, SCRIPTS = "src/repositories/db/unit_of_work.py", "src/repositories/cache/scripts.py"
COMMIT = "            await self._transaction.commit()\n"
DIE = '            __import__("src.dying").dying.perhaps()\n'
DYING = """import os, random, signal

def perhaps():
    if random.random() < float(os.environ.get("DIES", "0")):
        os.kill(os.getpid(), signal.SIGKILL)
"""

ASK = """    if redis.call('EXISTS', key .. ':writers') == 1 then
      value = 2
    elseif redis.call('SET', key .. ':lease', ARGV[1], 'NX', 'PX', ARGV[2]) then
      value = 1
    else
      value = 0
    end
"""
MARK = """  redis.call('ZADD', key .. ':writers', deadline, ARGV[1])
  redis.call('EXPIRE', key .. ':writers', ARGV[2])
"""
UNMARK = "  redis.call('ZREM', key .. ':writers', ARGV[1])\n"
DELETE = "  redis.call('DEL', key, key .. ':lease')\n"
ANYBODY_FILLS = (
    (ASK, "    value = 1\n"),
    ("  if redis.call('GET', key .. ':lease') == lease then\n", "  if true then\n"),
)
MUTANTS = {
    "delete before the commit": (*ANYBODY_FILLS, (DELETE + MARK, DELETE), (DELETE + UNMARK, "")),
    "delete after the commit": (*ANYBODY_FILLS, (DELETE + MARK, ""), (DELETE + UNMARK, DELETE)),
    "delete before and after it": (*ANYBODY_FILLS, (MARK, "")),
}


def killed(servers: Servers) -> None:
    """Lose all that is in Redis."""
    servers.redis.kill()
    time.sleep(AWAY)
    servers.redis.launch()
    servers.redis.wait()


def paused(servers: Servers) -> None:
    """Have Redis say nothing, and then go on as if nothing had been."""
    servers.redis.pause()
    time.sleep(AWAY)
    servers.redis.resume()
    servers.redis.wait()


def flushed(servers: Servers) -> None:
    """Empty Redis."""

    async def flush() -> None:
        async with redis_client(servers.environment()) as client:
            await client.flushall()

    asyncio.run(flush())


@pytest.fixture
def mortal(changed: Path) -> Path:
    """The service with writers that may die between their commit and what follows it."""
    (changed / "src/dying.py").write_text(DYING)
    poison.replace(changed / UNIT_OF_WORK, (COMMIT, COMMIT + DIE))
    return changed


@pytest.mark.timeout(report.size(240, 1800))
def test_whatever_happens_to_redis_a_stale_read_is_possible_for_moments_only(
    new_rig: NewRig, servers: Servers
) -> None:
    crowd = Crowd(new_rig())
    for _ in range(2):
        crowd.start()
    windows: list[Window] = []
    for fault in [killed, paused, flushed] * ROUNDS:
        time.sleep(BETWEEN)
        begun = time.monotonic()
        fault(servers)
        windows.append((begun, time.monotonic() + BOUND))
    time.sleep(BETWEEN)
    crowd.stop(READS)
    verdict = crowd.verdict("Redis killed, paused and flushed", windows)
    assert verdict.reads >= READS
    assert verdict.stale == 0, verdict


@pytest.mark.timeout(report.size(240, 1800))
def test_writers_that_die_after_their_commit_leave_nothing_stale(
    new_rig: NewRig, mortal: Path
) -> None:
    crowd = Crowd(new_rig(mortal))
    crowd.start()
    deaths = bury(crowd, report.size(3, 20), dies="0.02")
    crowd.stop(READS)
    verdict = crowd.verdict(f"{deaths} writers killed after their commit")
    assert verdict.stale == 0, verdict


@pytest.mark.timeout(report.size(240, 1800))
def test_a_writer_that_dies_while_redis_is_away_leaves_what_is_stale_to_the_ttl(
    new_rig: NewRig, mortal: Path, servers: Servers
) -> None:
    crowd = Crowd(new_rig(mortal, REDIS_TTL_SECONDS=str(TTL)))
    crowd.start()
    time.sleep(BETWEEN)
    begun = time.monotonic()
    servers.redis.pause()
    deaths = bury(crowd, 2, dies="0.5")
    servers.redis.resume()
    servers.redis.wait()
    windows = [(begun, time.monotonic() + TTL + BOUND)]
    time.sleep(TTL + BOUND + BETWEEN)
    crowd.stop(READS)
    verdict = crowd.verdict(f"{deaths} writers killed while Redis was paused", windows)
    assert verdict.stale == 0, verdict


def bury(crowd: Crowd, deaths: int, dies: str) -> int:
    """Have so many processes die of their writes, one after the other."""
    for _ in range(deaths):
        code = crowd.rig.reap(crowd.rig.cache_driver(*crowd.words(10**9), DIES=dies))
        assert code == -9, crowd.rig.tail()
    return deaths


@pytest.mark.timeout(report.size(120, 600))
@pytest.mark.parametrize("name", MUTANTS)
def test_a_protocol_that_is_not_enough_is_noticed(
    new_rig: NewRig, changed: Path, name: str
) -> None:
    poison.replace(changed / SCRIPTS, *MUTANTS[name])
    rig: Rig = new_rig(changed)
    crowd = Crowd(rig)
    # It takes a race, which a slow machine may not see at once.
    for _ in range(6):
        crowd.run(report.size(8_000, 20_000))
        verdict = crowd.verdict(f"{name} (on purpose)")
        if verdict.stale:
            break
    report.mutant(name, verdict)
    assert verdict.stale > 0
