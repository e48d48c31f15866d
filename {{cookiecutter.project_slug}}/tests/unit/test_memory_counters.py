"""Wrong guesses counted in memory: within bounds, whoever guesses."""

import asyncio
import time

import pytest

from src.repositories import throttle
from src.repositories.throttle import MAX_COUNTERS, MemoryCounters


async def test_counters_have_an_end_and_the_oldest_go_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(throttle, "MAX_COUNTERS", 10)
    counters = MemoryCounters()

    for number in range(25):
        await counters.incr(f"key {number}", 60)

    assert len(counters.storage) == len(counters.expirations) == 10
    assert [await counters.get(f"key {number}") for number in (0, 14, 15, 24)] == [0, 0, 1, 1]


async def test_what_is_taken_back_leaves_nothing() -> None:
    counters = MemoryCounters()

    for _ in range(3):
        await counters.incr("key", 60)
    for left in (2, 1, 0, 0):
        assert await counters.incr("key", 60, amount=-1) == left

    assert not counters.storage
    assert not counters.expirations
    assert await counters.incr("key", 60) == 1


async def test_a_window_ends() -> None:
    counters = MemoryCounters()
    await counters.incr("key", 0.05)
    ends = await counters.get_expiry("key")
    await counters.incr("key", 60)
    assert await counters.get_expiry("key") == ends

    await asyncio.sleep(0.06)

    assert await counters.get("key") == 0
    assert await counters.incr("key", 60) == 1


async def test_counting_takes_no_longer_when_there_are_many() -> None:
    counters = MemoryCounters()
    for number in range(MAX_COUNTERS):
        await counters.incr(f"key {number}", 60)
    times = []
    for number in range(1000):
        begun = time.perf_counter()
        await counters.incr(f"another {number}", 60)
        await asyncio.sleep(0)  # what the counting left to be done is done
        times.append(time.perf_counter() - begun)

    assert sorted(times)[500] < 0.005
