import asyncio
import time

import pytest

from src.usecases.check_readiness import CheckReadiness, Dependency


async def answers() -> None:
    """Be well."""


async def fails() -> None:
    raise ConnectionError("refused")


async def hangs() -> None:
    await asyncio.Event().wait()


async def test_all_is_well_when_every_dependency_answers() -> None:
    check = CheckReadiness(
        [Dependency("database", answers, True), Dependency("cache", answers, False)]
    )

    assert await check.execute() == (True, {"database": True, "cache": True})


@pytest.mark.parametrize(("is_required", "is_ready"), [(True, False), (False, True)])
async def test_only_the_loss_of_a_required_dependency_makes_the_service_unready(
    is_required: bool, is_ready: bool
) -> None:
    check = CheckReadiness(
        [Dependency("lost", fails, is_required), Dependency("database", answers, True)]
    )

    assert await check.execute() == (is_ready, {"lost": False, "database": True})


async def test_dependencies_that_hang_are_asked_at_once_and_waited_for_two_seconds() -> None:
    check = CheckReadiness([Dependency(name, hangs, True) for name in ("one", "two", "three")])
    started = time.monotonic()

    readiness = await check.execute()

    assert readiness == (False, {"one": False, "two": False, "three": False})
    assert 1.9 < time.monotonic() - started < 3.5


async def test_being_told_to_stop_is_no_failed_dependency() -> None:
    check = asyncio.create_task(CheckReadiness([Dependency("slow", hangs, True)]).execute())
    await asyncio.sleep(0.01)

    check.cancel()

    with pytest.raises(asyncio.CancelledError):
        await check
