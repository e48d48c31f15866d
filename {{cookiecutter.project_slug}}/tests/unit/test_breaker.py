import asyncio

from src.repositories.cache.breaker import PAUSE_SECONDS, Breaker


def test_a_breaker_is_closed_at_first() -> None:
    assert not Breaker().is_open()


def test_a_failure_opens_it() -> None:
    breaker = Breaker()

    breaker.failed(TimeoutError())

    assert breaker.is_open()
    assert breaker.is_open()


def test_a_success_closes_it() -> None:
    breaker = Breaker()
    breaker.failed(TimeoutError())

    breaker.succeeded()

    assert not breaker.is_open()


async def test_after_a_pause_one_caller_is_let_through_to_try() -> None:
    breaker = Breaker()
    breaker.failed(TimeoutError())

    await asyncio.sleep(PAUSE_SECONDS + 0.01)

    assert [breaker.is_open() for _ in range(3)] == [False, True, True]
