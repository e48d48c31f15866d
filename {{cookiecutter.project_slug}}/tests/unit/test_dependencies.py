"""The dependencies of routes, and their replacement in tests as the README shows it."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx2
import punq
import pytest
from fastapi import FastAPI

from src.api.dependencies import CurrentPrincipal, Use, current_principal, use, used
from src.usecases.operations.check_readiness import CheckReadiness, Readiness


class UnknownUseCase:
    """A use case outside of src/usecases, which the container does not know."""

    async def execute(self) -> str:
        return "the real one"


@pytest.fixture(autouse=True)
def same_used_use_cases_afterwards() -> Iterator[None]:
    """Restore the set of use cases that the application resolves when it starts."""
    before = {*used}
    yield
    used.clear()
    used.update(before)


async def test_a_route_gets_a_use_case_from_the_container(
    app: FastAPI, client: httpx2.AsyncClient
) -> None:
    app.state.container.register(UnknownUseCase)

    @app.get("/machinery")
    async def read(use_case: Use[UnknownUseCase]) -> str:
        return await use_case.execute()

    assert (await client.get("/machinery")).json() == "the real one"


async def test_an_application_does_not_start_if_a_route_uses_an_unknown_use_case(
    app: FastAPI,
) -> None:
    used.add(UnknownUseCase)  # as `Use[UnknownUseCase]` does in a new module of routes

    with pytest.raises(punq.MissingDependencyError, match="UnknownUseCase"):
        async with app.router.lifespan_context(app):
            pass


async def test_an_application_starts_if_the_container_knows_every_used_use_case(
    app: FastAPI,
) -> None:
    assert CheckReadiness in used
    async with app.router.lifespan_context(app):
        pass


def test_naming_a_use_case_in_a_route_makes_the_application_resolve_it_at_the_start() -> None:
    class NewUseCase:
        pass

    _ = Use[NewUseCase]

    assert NewUseCase in used


async def test_a_dependency_override_replaces_a_use_case(
    app: FastAPI, client: httpx2.AsyncClient
) -> None:
    class FakeCheckReadiness:
        async def execute(self) -> Readiness:
            return Readiness(True, {"the fake": "ok"})

    app.dependency_overrides[use(CheckReadiness)] = FakeCheckReadiness

    response = await client.get("/health/ready")

    assert response.json() == {"status": "ready", "dependencies": {"the fake": "ok"}}


async def test_a_dependency_override_replaces_the_current_principal(
    app: FastAPI, client: httpx2.AsyncClient
) -> None:
    user_id = uuid4()

    @app.get("/machinery")
    async def read(principal: CurrentPrincipal) -> Any:
        return principal

    app.dependency_overrides[current_principal] = lambda: user_id

    assert (await client.get("/machinery")).json() == str(user_id)
