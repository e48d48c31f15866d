import asyncio
from collections.abc import Awaitable, Callable

import pytest

from src.usecases.errors import ServerState, UnavailableError
from src.usecases.operations import check_readiness
from src.usecases.operations.check_readiness import CheckReadiness, Dependency


async def answers() -> None:
    """Return, as a server that answers."""


async def fails() -> None:
    raise ConnectionError("refused")


def fails_in(state: ServerState) -> Callable[[], Awaitable[None]]:
    """Return the check of a server that can do less than its work."""

    async def check() -> None:
        raise UnavailableError("it says why", state)

    return check


async def hangs() -> None:
    await asyncio.Event().wait()


async def test_the_service_is_ready_when_every_dependency_answers() -> None:
    check = CheckReadiness(
        [Dependency("database", answers, True), Dependency("cache", answers, False)]
    )

    assert await check.execute() == (True, {"database": "ok", "cache": "ok"})


@pytest.mark.parametrize(("is_required", "is_ready"), [(True, False), (False, True)])
async def test_only_the_loss_of_a_required_dependency_makes_the_service_unready(
    is_required: bool, is_ready: bool
) -> None:
    check = CheckReadiness(
        [Dependency("lost", fails, is_required), Dependency("database", answers, True)]
    )

    assert await check.execute() == (is_ready, {"lost": "unavailable", "database": "ok"})


@pytest.mark.parametrize("state", ["read-only", "refused", "full"])
@pytest.mark.parametrize(("is_required", "is_ready"), [(True, False), (False, True)])
async def test_a_dependency_that_cannot_do_its_work_is_reported_with_its_state(
    state: ServerState, is_required: bool, is_ready: bool
) -> None:
    check = CheckReadiness([Dependency("limited", fails_in(state), is_required)])

    assert await check.execute() == (is_ready, {"limited": state})


async def test_a_dependency_that_hangs_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_readiness, "TIMEOUT_SECONDS", 0.01)
    check = CheckReadiness([Dependency("hanging", hangs, True)])

    assert await check.execute() == (False, {"hanging": "unavailable"})


async def test_all_dependencies_are_asked_concurrently(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_readiness, "TIMEOUT_SECONDS", 60)
    all_asked = asyncio.Barrier(3)
    names = ("one", "two", "three")
    check = CheckReadiness([Dependency(name, all_asked.wait, True) for name in names])

    assert await check.execute() == (True, dict.fromkeys(names, "ok"))


async def test_a_cancelled_check_raises_the_cancellation() -> None:
    is_asked = asyncio.Event()

    async def hangs_once_asked() -> None:
        is_asked.set()
        await hangs()

    dependency = Dependency("slow", hangs_once_asked, True)
    check = asyncio.create_task(CheckReadiness([dependency]).execute())
    await is_asked.wait()

    check.cancel()

    with pytest.raises(asyncio.CancelledError):
        await check
