"""Every error as the client sees it: problem details (RFC 9457), without a server."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import FastAPI, HTTPException, Query
from pydantic import BaseModel
from starlette.middleware import Middleware

from src.api.errors import KINDS, add_error_handlers
from src.api.middleware import RequestMiddleware
from src.domain.errors import AuthenticationError, EmailTakenError, WeakPasswordError
from src.usecases.ports.security import HashingBusyError
from src.usecases.ports.throttle import TooManyAttemptsError
from src.usecases.ports.unit_of_work import DatabaseUnavailableError
from src.usecases.ports.users import NotFoundDatabaseError


class SpecialError(EmailTakenError):
    """A kind of an error that is known."""


class Body(BaseModel, extra="forbid"):
    count: int
    secret: str


ERRORS: dict[str, Exception] = {
    "unauthenticated": AuthenticationError(),
    "not-found": NotFoundDatabaseError("There is no such user."),
    "email-taken": EmailTakenError(),
    "special": SpecialError(),
    "weak-password": WeakPasswordError("Too short."),
    "unavailable": DatabaseUnavailableError("host db-7 refused the password of admin"),
    "busy": HashingBusyError("queue of pool 7"),
    "too-many-attempts": TooManyAttemptsError(retry_after=42),
    "teapot": HTTPException(418, "Short and stout.", {"X-Kind": "pot"}),
    "bug": KeyError("internal_table_name"),
}


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI(middleware=[Middleware(RequestMiddleware)])
    add_error_handlers(app)

    @app.get("/fail/{name}")
    async def fail(name: str) -> None:
        raise ERRORS[name]

    @app.post("/body")
    async def read_body(body: Body, limit: Annotated[int, Query()] = 1) -> None:
        """Take a body."""

    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def problem_of(response: httpx2.Response) -> dict[str, Any]:
    """Return a problem that has all that a problem must have."""
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == response.status_code
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["type"].startswith("urn:problem:")
    assert problem["title"]
    assert problem["detail"]
    return problem


@pytest.mark.parametrize(
    ("name", "status", "kind", "detail"),
    [
        ("unauthenticated", 401, "unauthenticated", "The credentials are not valid."),
        ("not-found", 404, "not-found", "There is no such user."),
        ("email-taken", 409, "email-taken", "An account with this email address already exists."),
        ("special", 409, "email-taken", "An account with this email address already exists."),
        ("weak-password", 422, "weak-password", "Too short."),
        ("unavailable", 503, "unavailable", "The service cannot answer at the moment."),
        ("busy", 503, "busy", "The service cannot answer at the moment."),
        ("too-many-attempts", 429, "too-many-attempts", "Too many attempts failed."),
        ("teapot", 418, "http-418", "Short and stout."),
    ],
)
async def test_a_known_error_has_its_status_its_type_and_its_detail(
    client: httpx2.AsyncClient, name: str, status: int, kind: str, detail: str
) -> None:
    problem = problem_of(await client.get(f"/fail/{name}"))

    assert (problem["status"], problem["type"]) == (status, f"urn:problem:{kind}")
    assert problem["detail"].startswith(detail)
    assert set(problem) == {"type", "title", "status", "detail", "request_id"}


@pytest.mark.parametrize(
    ("name", "header", "value"),
    [
        ("unauthenticated", "www-authenticate", "Bearer"),
        ("unavailable", "retry-after", "1"),
        ("busy", "retry-after", "1"),
        ("too-many-attempts", "retry-after", "42"),
        ("teapot", "x-kind", "pot"),
    ],
)
async def test_an_error_brings_its_headers(
    client: httpx2.AsyncClient, name: str, header: str, value: str
) -> None:
    response = await client.get(f"/fail/{name}")

    assert response.headers[header] == value


@pytest.mark.parametrize(
    ("name", "status", "secret"), [("unavailable", 503, "admin"), ("bug", 500, "internal_table")]
)
async def test_a_fault_of_ours_says_nothing_about_it(
    client: httpx2.AsyncClient, name: str, status: int, secret: str
) -> None:
    response = await client.get(f"/fail/{name}")

    assert problem_of(response)["status"] == status
    assert secret not in response.text


async def test_a_route_that_does_not_exist_is_a_problem(client: httpx2.AsyncClient) -> None:
    problem = problem_of(await client.get("/nowhere"))

    assert (problem["status"], problem["type"]) == (404, "urn:problem:not-found")


async def test_a_method_that_is_not_allowed_is_a_problem_that_names_those_that_are(
    client: httpx2.AsyncClient,
) -> None:
    response = await client.delete("/body")

    assert problem_of(response)["status"] == 405
    assert response.headers["allow"] == "POST"


async def test_an_invalid_request_is_told_where_it_is_wrong_and_never_what_it_held(
    client: httpx2.AsyncClient,
) -> None:
    body = {"count": "many", "secret": ["hunter2"], "more": "hunter3"}

    response = await client.post("/body?limit=hunter4", json=body)

    problem = problem_of(response)
    assert problem["status"] == 422
    assert {tuple(error["location"]) for error in problem["errors"]} == {
        ("body", "count"),
        ("body", "secret"),
        ("body", "more"),
        ("query", "limit"),
    }
    assert all(set(error) == {"location", "message"} for error in problem["errors"])
    assert "hunter" not in response.text


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b"\xff", id="no UTF-8"),
        pytest.param(b"[" * 100_000, id="lists without end"),
        pytest.param(b'{"count": NaN, "secret": "x"}', id="not a number"),
        pytest.param(b'{"count": 1' + b"0" * 5000 + b"}", id="a number without end"),
        pytest.param(b'{"\\ud800": 1}', id="half a character as a name"),
        pytest.param(b'{"\\u0000": 1}', id="a null character as a name"),
    ],
)
async def test_a_hostile_body_is_the_callers_fault(client: httpx2.AsyncClient, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}

    problem = problem_of(await client.post("/body", content=body, headers=headers))

    assert (problem["status"], problem["type"]) == (422, "urn:problem:invalid-request")


async def test_every_error_of_the_service_is_tested_here() -> None:
    assert {type(error) for error in ERRORS.values()} >= set(KINDS)
