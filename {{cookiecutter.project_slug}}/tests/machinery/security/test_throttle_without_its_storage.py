"""The login throttle while its storage is unavailable, and afterwards."""

from contextlib import AbstractAsyncContextManager
from uuid import uuid4

import pytest
from limits.errors import StorageError
from structlog.testing import capture_logs

from src.utils.security import guesses
from src.utils.security.counters import MemoryCounters
from tests.support.guessing import PER_PAIR, guess, throttle_on


class FailingCounters(MemoryCounters):
    """Counters that fail while `is_available` is False."""

    def __init__(self) -> None:
        super().__init__()
        self.is_available = True
        self.calls = 0

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        self.calls += 1
        if not self.is_available:
            raise StorageError(ConnectionError("refused"))
        return await super().incr(key, expiry, amount)


async def test_an_unavailable_storage_is_not_tried_again_before_a_pause_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guesses, "PAUSE_SECONDS", 3600.0)
    storage = FailingCounters()
    storage.is_available = False
    throttle = throttle_on(storage)
    session_id = uuid4()

    with capture_logs() as lines:
        made = [await guess(throttle.password_change(session_id)) for _ in range(PER_PAIR + 1)]

    assert made == [True] * PER_PAIR + [False]
    assert storage.calls == 1
    events = [line["event"] for line in lines]
    assert events == ["throttle_storage_unavailable", "throttled"]


async def test_a_storage_that_is_available_again_is_used_after_the_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guesses, "PAUSE_SECONDS", 0.0)
    storage = FailingCounters()
    throttle = throttle_on(storage)
    other_process = throttle_on(storage)
    session_id = uuid4()
    storage.is_available = False
    assert await guess(throttle.password_change(session_id))

    storage.is_available = True
    for _ in range(PER_PAIR):
        assert await guess(throttle.password_change(session_id))

    assert not await guess(other_process.password_change(session_id))


async def counts(storage: FailingCounters) -> list[int]:
    """Return the counts of all counters of wrong passwords."""
    return [counter.hits for key, counter in storage._counters.items() if "known" not in key]


async def end(guess: AbstractAsyncContextManager[None]) -> None:
    """End a guess that began with `__aenter__`. The password was right."""
    await guess.__aexit__(None, None, None)


async def test_a_guess_that_the_storage_counted_is_discounted_there_although_it_failed_in_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guesses, "PAUSE_SECONDS", 0.0)
    storage = FailingCounters()
    throttle = throttle_on(storage)
    for _ in range(3 * PER_PAIR):
        right = throttle.login("ada@example.com", "192.0.2.1")
        await right.__aenter__()
        storage.is_available = False
        await end(right)
        storage.is_available = True
    assert await guess(throttle.password_change(uuid4()), correct=True)

    assert await counts(storage) == []
    local = throttle._counter._local.storage
    assert isinstance(local, MemoryCounters)
    assert local._counters == {}


async def test_a_guess_that_was_counted_in_memory_is_discounted_there_although_the_storage_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guesses, "PAUSE_SECONDS", 0.0)
    storage = FailingCounters()
    throttle = throttle_on(storage)
    session_id = uuid4()
    for _ in range(3 * PER_PAIR):
        storage.is_available = False
        right = throttle.password_change(session_id)
        await right.__aenter__()
        storage.is_available = True
        await end(right)

    storage.is_available = False
    assert await guess(throttle.password_change(session_id))
    assert await counts(storage) == []


async def test_a_storage_is_owed_only_discounts_whose_window_has_not_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guesses, "PAUSE_SECONDS", 0.0)
    storage = FailingCounters()
    throttle = throttle_on(storage)
    session_id = uuid4()
    right = throttle.password_change(session_id)
    await right.__aenter__()
    storage.is_available = False
    await end(right)
    storage.is_available = True
    owed = throttle._counter._owed
    [(_, bucket)] = owed
    owed[0] = (0.0, bucket)

    await guess(throttle.password_change(session_id))

    assert await counts(storage) == [2]
