"""The login throttle while its storage is unavailable, and afterwards."""

from uuid import uuid4

import pytest
from limits.errors import StorageError
from structlog.testing import capture_logs

from src.utils.security import throttle as throttle_module
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
    monkeypatch.setattr(throttle_module, "PAUSE_SECONDS", 3600.0)
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
    monkeypatch.setattr(throttle_module, "PAUSE_SECONDS", 0.0)
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
