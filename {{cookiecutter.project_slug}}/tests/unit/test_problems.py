"""Every error as clients see it: problem details (RFC 9457), on an application of its own."""

from collections.abc import AsyncIterator
from typing import Annotated

import httpx2
import pytest
from fastapi import FastAPI, HTTPException, Query
from pydantic import BaseModel
from starlette.middleware import Middleware

from src.api.middleware import RequestMiddleware
from src.api.problems import PROBLEM_TYPES, add_error_handlers
from src.domain.errors import (
    AuthenticationError,
    ConflictError,
    InvalidError,
    PermissionDeniedError,
)
from src.usecases.errors import (
    DatabaseBusyError,
    DatabaseUnavailableError,
    NotFoundDatabaseError,
)
from src.usecases.ports.login_throttle import TooManyAttemptsError
from src.usecases.ports.password_hasher import HashingBusyError
from tests.support.problems import problem_of


class NameTakenError(ConflictError):
    """An error that a team derives for an aggregate."""


class EvenMoreSpecialError(NameTakenError):
    """An error derived from that one."""


class NotOwnerError(PermissionDeniedError):
    """A refusal that a team derives for an aggregate."""


class Body(BaseModel, extra="forbid"):
    count: int
    secret: str


UNAVAILABLE = "The service cannot answer at the moment. Try again soon."
PROBLEMS: dict[str, tuple[Exception, int, str]] = {
    "unauthenticated": (AuthenticationError(), 401, "The credentials are not valid."),
    "permission-denied": (PermissionDeniedError(), 403, "You may not do this."),
    "not-owner": (NotOwnerError("Not yours."), 403, "Not yours."),
    "not-found": (NotFoundDatabaseError("There is no such row."), 404, "There is no such row."),
    "conflict": (ConflictError("It exists."), 409, "It exists."),
    "name-taken": (NameTakenError("The name is taken."), 409, "The name is taken."),
    "even-more-special": (EvenMoreSpecialError("Taken."), 409, "Taken."),
    "invalid": (InvalidError("Too short."), 422, "Too short."),
    "too-many-attempts": (
        TooManyAttemptsError(retry_after=42),
        429,
        "Too many attempts failed. Try again later.",
    ),
    "unavailable": (DatabaseUnavailableError("host db-7 refused admin"), 503, UNAVAILABLE),
    "busy": (HashingBusyError("queue of pool 7"), 503, UNAVAILABLE),
    "http-418": (
        HTTPException(418, "Short and stout.", {"X-Kind": "pot"}),
        418,
        "Short and stout.",
    ),
}
"""The error, its status and its detail, by the name of its problem type."""
OTHER_ERRORS = {
    "cancelled statement": DatabaseBusyError("statement 7 of admin"),
    "bug": KeyError("internal_table_name"),
}


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI(middleware=[Middleware(RequestMiddleware)])
    add_error_handlers(app)

    @app.get("/fail/{name}")
    async def fail(name: str) -> None:
        raise PROBLEMS[name][0] if name in PROBLEMS else OTHER_ERRORS[name]

    @app.post("/body")
    async def read_body(body: Body, limit: Annotated[int, Query()] = 1) -> None:
        """Accept a body."""

    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.mark.parametrize("name", PROBLEMS)
async def test_a_known_error_is_answered_with_its_status_its_type_and_its_detail(
    client: httpx2.AsyncClient, name: str
) -> None:
    _, status, detail = PROBLEMS[name]

    problem = problem_of(await client.get(f"/fail/{name}"), status, name)

    assert problem["detail"] == detail
    assert set(problem) == {"type", "title", "status", "detail", "request_id"}


@pytest.mark.parametrize(
    ("name", "header", "value"),
    [
        ("unauthenticated", "www-authenticate", "Bearer"),
        ("unavailable", "retry-after", "1"),
        ("busy", "retry-after", "1"),
        ("too-many-attempts", "retry-after", "42"),
        ("http-418", "x-kind", "pot"),
    ],
)
async def test_the_response_to_an_error_has_its_headers(
    client: httpx2.AsyncClient, name: str, header: str, value: str
) -> None:
    response = await client.get(f"/fail/{name}")

    assert response.headers[header] == value


@pytest.mark.parametrize(
    ("name", "status", "problem", "secret"),
    [
        ("unavailable", 503, "unavailable", "admin"),
        ("cancelled statement", 503, "unavailable", "admin"),
        ("bug", 500, "internal-error", "internal_table"),
    ],
)
async def test_the_response_to_an_internal_error_reveals_nothing_about_it(
    client: httpx2.AsyncClient, name: str, status: int, problem: str, secret: str
) -> None:
    response = await client.get(f"/fail/{name}")

    problem_of(response, status, problem)
    assert secret not in response.text


async def test_an_unknown_path_is_a_problem(client: httpx2.AsyncClient) -> None:
    problem_of(await client.get("/nowhere"), 404, "not-found")


async def test_an_unsupported_method_is_a_problem_that_names_the_supported_ones(
    client: httpx2.AsyncClient,
) -> None:
    response = await client.delete("/body")

    problem_of(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "POST"


async def test_an_invalid_request_is_answered_with_the_locations_of_its_errors_and_no_values(
    client: httpx2.AsyncClient,
) -> None:
    body = {"count": "many", "secret": ["hunter2"], "more": "hunter3"}

    response = await client.post("/body?limit=hunter4", json=body)

    problem = problem_of(response, 422, "invalid-request")
    assert {tuple(error["location"]) for error in problem["errors"]} == {
        ("body", "count"),
        ("body", "secret"),
        ("body", "more"),
        ("query", "limit"),
    }
    assert all(set(error) == {"location", "message"} for error in problem["errors"])
    assert "hunter" not in response.text


async def test_a_response_lists_at_most_twenty_errors_and_shortens_their_locations(
    client: httpx2.AsyncClient,
) -> None:
    body = {"x" * 100 + str(number): 0 for number in range(1000)}

    response = await client.post("/body", json=body)

    problem = problem_of(response, 422, "invalid-request")
    assert len(problem["errors"]) == 20
    assert len(response.content) < 5_000


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b"\xff", id="no UTF-8"),
        pytest.param(b"[" * 100_000, id="endless lists"),
        pytest.param(b'{"count": NaN, "secret": "x"}', id="NaN"),
        pytest.param(b'{"count": 1' + b"0" * 5000 + b"}", id="a very long number"),
        pytest.param(b'{"\\ud800": 1}', id="a lone surrogate as a name"),
        pytest.param(b'{"\\u0000": 1}', id="a null character as a name"),
    ],
)
async def test_a_malformed_body_is_an_invalid_request(
    client: httpx2.AsyncClient, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}

    response = await client.post("/body", content=body, headers=headers)

    problem_of(response, 422, "invalid-request")


def test_this_file_tests_every_problem_type() -> None:
    tested = [error for error, _, _ in PROBLEMS.values()]
    for cls in PROBLEM_TYPES:
        assert any(isinstance(error, cls) for error in tested), cls
