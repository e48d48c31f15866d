import pytest
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from src.repositories.cache.redis.breaker import PAUSE_SECONDS, CircuitBreaker


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(clock=clock)


@pytest.fixture
def open_breaker(breaker: CircuitBreaker) -> CircuitBreaker:
    breaker.record_failure(TimeoutError())
    return breaker


def test_a_breaker_is_closed_at_first(breaker: CircuitBreaker) -> None:
    assert breaker.admits()
    assert not breaker.is_open()


def test_an_open_breaker_admits_no_caller_before_the_pause_has_ended(
    open_breaker: CircuitBreaker, clock: Clock
) -> None:
    assert open_breaker.is_open()
    clock.seconds += PAUSE_SECONDS - 0.01
    assert not open_breaker.admits()
    assert not open_breaker.admits()


def test_a_success_closes_the_breaker(open_breaker: CircuitBreaker) -> None:
    open_breaker.record_success()
    assert not open_breaker.is_open()
    assert open_breaker.admits()


def test_after_each_pause_one_caller_may_try(open_breaker: CircuitBreaker, clock: Clock) -> None:
    for _ in range(2):
        clock.seconds += PAUSE_SECONDS
        assert [open_breaker.admits() for _ in range(3)] == [True, False, False]
        assert not open_breaker.is_open()


def test_a_failed_try_opens_the_breaker_for_another_pause(
    open_breaker: CircuitBreaker, clock: Clock
) -> None:
    clock.seconds += PAUSE_SECONDS
    open_breaker.admits()
    open_breaker.record_failure(TimeoutError())
    assert open_breaker.is_open()
    clock.seconds += PAUSE_SECONDS - 0.01
    assert not open_breaker.admits()


async def test_a_step_that_redis_answers_returns_the_answer(breaker: CircuitBreaker) -> None:
    async def answer() -> str:
        return "PONG"

    assert await breaker.call(answer()) == "PONG"
    assert not breaker.is_open()


async def test_a_step_that_fails_returns_none_and_opens_the_breaker(
    breaker: CircuitBreaker,
) -> None:
    async def fail() -> str:
        raise RedisError

    assert await breaker.call(fail()) is None
    assert breaker.is_open()


def test_the_first_failure_and_the_next_success_are_logged(breaker: CircuitBreaker) -> None:
    with capture_logs() as lines:
        breaker.record_success()
        breaker.record_failure(TimeoutError("no answer"))
        breaker.record_failure(TimeoutError("no answer"))
        breaker.record_success()
    assert lines == [
        {
            "event": "cache_unavailable",
            "error": "TimeoutError: no answer",
            "log_level": "warning",
        },
        {"event": "cache_available", "log_level": "info"},
    ]
