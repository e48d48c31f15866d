import asyncio

from src.repositories.cache.breaker import PAUSE_SECONDS, Breaker


def test_a_breaker_is_closed_at_first() -> None:
    breaker = Breaker()

    assert breaker.admits()
    assert not breaker.is_open()


def test_a_failure_opens_it() -> None:
    breaker = Breaker()

    breaker.failed(TimeoutError())

    assert breaker.is_open()
    assert not breaker.admits()
    assert not breaker.admits()


def test_a_success_closes_it() -> None:
    breaker = Breaker()
    breaker.failed(TimeoutError())

    breaker.succeeded()

    assert not breaker.is_open()
    assert breaker.admits()


async def test_after_a_pause_one_caller_is_let_through_to_try() -> None:
    breaker = Breaker()
    breaker.failed(TimeoutError())

    await asyncio.sleep(PAUSE_SECONDS + 0.01)

    assert [breaker.admits() for _ in range(3)] == [True, False, False]
    assert not breaker.is_open()


async def test_if_that_fails_it_is_open_for_another_pause() -> None:
    breaker = Breaker()
    breaker.failed(TimeoutError())
    await asyncio.sleep(PAUSE_SECONDS + 0.01)
    breaker.admits()

    breaker.failed(TimeoutError())

    assert breaker.is_open()
    assert not breaker.admits()
