import asyncio
from collections.abc import Sequence

import pytest

from src.repositories.cache.redis import batcher
from src.repositories.cache.redis.batcher import Batcher


class Doubler:
    """Answers each number with its double, and records the batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.batches.append([*numbers])
        await self.may_answer.wait()
        return [2 * number for number in numbers]


async def test_items_of_one_turn_of_the_event_loop_are_one_batch() -> None:
    send = Doubler()
    doubles = Batcher(send=send)
    assert await asyncio.gather(*map(doubles.submit, range(5))) == [0, 2, 4, 6, 8]
    assert send.batches == [[0, 1, 2, 3, 4]]


async def test_items_that_arrive_while_a_batch_is_under_way_form_the_next_one() -> None:
    send = Doubler()
    send.may_answer.clear()
    doubles = Batcher(send=send)
    first = doubles.submit(1)
    await asyncio.sleep(0)
    later = [doubles.submit(2), doubles.submit(3)]
    await asyncio.sleep(0)
    assert send.batches == [[1]]
    send.may_answer.set()
    assert [await first, *await asyncio.gather(*later)] == [2, 4, 6]
    assert send.batches == [[1], [2, 3]]


async def test_a_batch_has_a_largest_size() -> None:
    send = Doubler()
    count = 2 * batcher.MAX_BATCH + 1
    answers = await asyncio.gather(*map(Batcher(send=send).submit, range(count)))
    assert answers == [2 * number for number in range(count)]
    assert [len(batch) for batch in send.batches] == [batcher.MAX_BATCH, batcher.MAX_BATCH, 1]


async def test_a_failure_is_raised_for_each_item_of_its_batch_and_for_no_later_item() -> None:
    async def fail_at_zero(numbers: Sequence[int]) -> Sequence[int]:
        if 0 in numbers:
            raise ZeroDivisionError
        return numbers

    echo = Batcher(send=fail_at_zero)
    errors = await asyncio.gather(echo.submit(0), echo.submit(1), return_exceptions=True)
    assert [type(error) for error in errors] == [ZeroDivisionError, ZeroDivisionError]
    assert await echo.submit(1) == 1


async def test_a_cancelled_item_does_not_affect_the_others() -> None:
    send = Doubler()
    send.may_answer.clear()
    doubles = Batcher(send=send)
    cancelled = doubles.submit(1)
    kept = doubles.submit(2)
    await asyncio.sleep(0)
    cancelled.cancel()
    send.may_answer.set()
    assert await kept == 4
    with pytest.raises(asyncio.CancelledError):
        await cancelled


async def test_closing_waits_for_the_answers_to_come() -> None:
    doubles = Batcher(send=Doubler())
    answer = doubles.submit(1)
    await doubles.aclose(60)
    assert answer.result() == 2
    await doubles.aclose(60)
