import time
from collections import OrderedDict
from collections.abc import Iterator

import pytest

from src.utils.security import counters as counters_module
from src.utils.security.counters import Counter, MemoryCounters

SECONDS = 60


@pytest.fixture
def counters() -> MemoryCounters:
    return MemoryCounters()


class Unscannable(OrderedDict[str, Counter]):
    """Counters that raise an error if they are iterated."""

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("the counters were iterated")

    keys = __iter__  # type: ignore[assignment]
    values = __iter__  # type: ignore[assignment]
    items = __iter__  # type: ignore[assignment]


async def test_the_number_of_counters_is_limited_and_the_oldest_are_evicted_first(
    counters: MemoryCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters_module, "MAX_COUNTERS", 10)

    for number in range(25):
        await counters.incr(f"key {number}", SECONDS)

    assert [await counters.get(f"key {number}") for number in (0, 14, 15, 24)] == [0, 0, 1, 1]
    assert await counters.reset() == 10


async def test_another_hit_does_not_make_a_counter_younger(
    counters: MemoryCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters_module, "MAX_COUNTERS", 2)

    for key in ("first", "second", "first", "third"):
        await counters.incr(key, SECONDS)

    assert [await counters.get(key) for key in ("first", "second", "third")] == [0, 1, 1]


async def test_a_counter_that_falls_to_zero_is_removed(counters: MemoryCounters) -> None:
    for _ in range(3):
        await counters.incr("key", SECONDS)

    remaining = [await counters.incr("key", SECONDS, amount=-1) for _ in range(4)]

    assert remaining == [2, 1, 0, 0]
    assert await counters.reset() == 0
    assert await counters.incr("key", SECONDS) == 1


async def test_a_counter_expires_at_the_end_of_its_first_hits_window(
    counters: MemoryCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    await counters.incr("key", SECONDS)
    now += SECONDS - 1
    assert await counters.incr("key", SECONDS) == 2
    assert await counters.get_expiry("key") == now + 1

    now += 1

    assert await counters.get("key") == 0
    assert await counters.get_expiry("key") == now
    assert await counters.incr("key", SECONDS) == 1


async def test_a_cleared_counter_is_removed(counters: MemoryCounters) -> None:
    await counters.incr("key", SECONDS)

    await counters.clear("key")
    await counters.clear("a key that does not exist")

    assert await counters.get("key") == 0


async def test_a_hit_does_not_iterate_over_the_other_counters(
    counters: MemoryCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters_module, "MAX_COUNTERS", 10)
    monkeypatch.setattr(counters, "_counters", Unscannable())

    for number in range(25):
        await counters.incr(f"key {number}", SECONDS)
        await counters.incr(f"key {number}", SECONDS)

    assert await counters.get("key 24") == 2


async def test_memory_is_always_available(counters: MemoryCounters) -> None:
    assert await counters.check()
