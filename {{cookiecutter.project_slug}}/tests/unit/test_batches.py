import asyncio
from collections.abc import Sequence

import pytest

from src.repositories.cache import batches
from src.repositories.cache.batches import Batches


class Echo:
    """Answers each number with its double, and remembers what was asked together."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.asked.append([*numbers])
        await self.may_answer.wait()
        return [2 * number for number in numbers]


async def test_what_is_asked_in_one_turn_of_the_loop_is_asked_together() -> None:
    echo = Echo()
    doubles = Batches(echo)
    assert await asyncio.gather(*map(doubles.ask, range(5))) == [0, 2, 4, 6, 8]
    assert echo.asked == [[0, 1, 2, 3, 4]]


async def test_what_comes_while_an_answer_is_under_way_waits_for_the_next_batch() -> None:
    echo = Echo()
    echo.may_answer.clear()
    doubles = Batches(echo)
    first = doubles.ask(1)
    await asyncio.sleep(0)
    later = [doubles.ask(2), doubles.ask(3)]
    await asyncio.sleep(0)
    assert echo.asked == [[1]]
    echo.may_answer.set()
    assert [await first, *await asyncio.gather(*later)] == [2, 4, 6]
    assert echo.asked == [[1], [2, 3]]


async def test_a_batch_has_an_end() -> None:
    echo = Echo()
    count = 2 * batches.LARGEST + 1
    answers = await asyncio.gather(*map(Batches(echo).ask, range(count)))
    assert answers == [2 * number for number in range(count)]
    assert [len(asked) for asked in echo.asked] == [batches.LARGEST, batches.LARGEST, 1]


async def test_a_failure_reaches_all_of_its_batch_and_nobody_after_it() -> None:
    async def fail_at_zero(numbers: Sequence[int]) -> Sequence[int]:
        if 0 in numbers:
            raise ZeroDivisionError
        return numbers

    doubles = Batches(fail_at_zero)
    errors = await asyncio.gather(doubles.ask(0), doubles.ask(1), return_exceptions=True)
    assert [type(error) for error in errors] == [ZeroDivisionError, ZeroDivisionError]
    assert await doubles.ask(1) == 1


async def test_who_gave_up_holds_up_nobody() -> None:
    echo = Echo()
    echo.may_answer.clear()
    doubles = Batches(echo)
    gone, stays = doubles.ask(1), doubles.ask(2)
    await asyncio.sleep(0)
    gone.cancel()
    echo.may_answer.set()
    assert await stays == 4
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_closing_waits_for_what_was_asked() -> None:
    doubles = Batches(Echo())
    answer = doubles.ask(1)
    await doubles.aclose(1)
    assert answer.result() == 2
    await doubles.aclose(1)
