"""The API on fakes: what holds for every route, and needs no server."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import punq
import pytest
from fastapi import FastAPI
from structlog.typing import EventDict

from src.api.app import create_app
from src.api.middleware import MAX_BODY_BYTES
from src.domain.user import User
from src.usecases.authenticate import Authenticate
from src.usecases.log_in import LogIn
from src.usecases.refresh_session import RefreshSession
from src.usecases.register_user import RegisterUser
from src.utils.passwords import Argon2Passwords
from tests.support.passwords import argon2_passwords
from tests.unit.conftest import PASSWORD


@pytest.fixture
def passwords() -> Argon2Passwords:
    """Real hashing, which text that is no Unicode would reach; without its cost."""
    return argon2_passwords(memory_kib=8, passes=1)


@asynccontextmanager
async def no_resources(_: punq.Container) -> AsyncIterator[None]:
    yield


@pytest.fixture
def app(
    register_user: RegisterUser,
    log_in: LogIn,
    authenticate: Authenticate,
    refresh_session: RefreshSession,
) -> FastAPI:
    container = punq.Container()
    for use_case in (register_user, log_in, authenticate, refresh_session):
        container.register(type(use_case), instance=use_case)
    return create_app(
        container,
        no_resources,
        title="This Service",
        description="Serves.",
        version="1.2.3",
    )


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from (v for k, v in schema.items() if k == "$ref")
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from references(part)


def test_every_reference_of_the_api_description_leads_somewhere(app: FastAPI) -> None:
    description = app.openapi()

    for reference in references(description):
        target: Any = description
        for step in reference.removeprefix("#/").split("/"):
            assert step in target, reference
            target = target[step]


def test_every_route_of_the_api_describes_itself_and_its_problems(app: FastAPI) -> None:
    operations = [
        operation
        for path, methods in app.openapi()["paths"].items()
        for operation in methods.values()
        if path.startswith("/api/")
    ]

    assert operations
    for operation in operations:
        assert operation["description"]
        problems = {s: r for s, r in operation["responses"].items() if not s.startswith("2")}
        assert problems
        for response in problems.values():
            assert [*response["content"]] == ["application/problem+json"]


async def test_an_answer_with_tokens_is_not_to_be_stored(
    client: httpx2.AsyncClient, ada: User
) -> None:
    body = {"email": ada.email, "password": PASSWORD}

    response = await client.post("/api/v1/auth/login", json=body)

    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/api/v1/users/me", "/api/v1/nowhere"])
async def test_no_answer_of_the_api_is_to_be_stored(client: httpx2.AsyncClient, path: str) -> None:
    assert (await client.get(path)).headers["cache-control"] == "no-store"


async def test_a_body_that_is_too_large_is_a_problem_like_any_other(
    client: httpx2.AsyncClient, log_lines: list[EventDict]
) -> None:
    response = await client.post("/api/v1/auth/login", content=b"x" * (MAX_BODY_BYTES + 1))

    assert "unhandled_error" not in {line["event"] for line in log_lines}

    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["request_id"] == response.headers["x-request-id"]


async def test_a_body_without_a_length_that_is_too_large_is_a_problem_like_any_other(
    client: httpx2.AsyncClient,
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * (MAX_BODY_BYTES // 2)

    response = await client.post("/api/v1/auth/login", content=chunks())

    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Basic YTpi", "bearer a.b.c", "Bearer \xff"]
)
async def test_whoever_does_not_prove_who_they_are_is_told_how_to(
    client: httpx2.AsyncClient, authorization: str | None
) -> None:
    headers = [] if authorization is None else [(b"authorization", authorization.encode("latin-1"))]

    response = await client.get("/api/v1/users/me", headers=headers)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"email": "ada", "password": PASSWORD}, id="no address"),
        pytest.param({"email": "Ada <ada@example.com>", "password": PASSWORD}, id="a name before"),
        pytest.param({"email": "a\ufe6bb@example.com", "password": PASSWORD}, id="two at-signs"),
        pytest.param({"email": "a" * 250 + "@example.com", "password": PASSWORD}, id="too long"),
        pytest.param({"email": "a\0da@example.com", "password": PASSWORD}, id="a null character"),
        pytest.param({"email": "ada@example.com", "password": "short"}, id="a short password"),
        pytest.param({"email": "ada@example.com", "password": "x" * 129}, id="a long password"),
        pytest.param({"email": "ada@example.com", "password": 12345678}, id="a number"),
        pytest.param(
            {"email": "ada@example.com", "password": PASSWORD, "is_admin": True},
            id="one more field",
        ),
    ],
)
async def test_a_registration_that_is_not_valid_is_refused_without_repeating_the_password(
    client: httpx2.AsyncClient, body: dict[str, Any]
) -> None:
    response = await client.post("/api/v1/auth/register", json=body)

    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert PASSWORD not in response.text


async def test_a_registered_user_is_shown_without_the_password(client: httpx2.AsyncClient) -> None:
    body = {"email": "Ada@Example.com", "password": PASSWORD}

    response = await client.post("/api/v1/auth/register", json=body)

    assert response.status_code == 201
    assert set(response.json()) == {"id", "email", "is_active", "created_at", "updated_at"}
    assert response.json()["email"] == "ada@example.com"


@pytest.mark.parametrize("route", ["register", "login"])
@pytest.mark.parametrize("part", ["email", "password"])
async def test_half_a_character_is_the_callers_fault(
    client: httpx2.AsyncClient, ada: User, route: str, part: str
) -> None:
    body = {"email": ada.email, "password": PASSWORD}
    body[part] = "\ud800" + body[part]
    headers = {"Content-Type": "application/json"}

    response = await client.post(f"/api/v1/auth/{route}", content=json.dumps(body), headers=headers)

    assert response.status_code in {401, 422}
    assert response.headers["content-type"] == "application/problem+json"


async def test_half_a_character_is_no_refresh_token(client: httpx2.AsyncClient) -> None:
    response = await client.post(
        "/api/v1/auth/refresh",
        content=b'{"refresh_token": "\\ud800"}',
        headers={"Content-Type": "application/json"},
    )

    assert response.status_code in {401, 422}


async def test_an_answer_is_not_much_larger_than_a_request_full_of_faults(
    client: httpx2.AsyncClient,
) -> None:
    body = {"x" * 100 + str(number): 0 for number in range(1000)}

    response = await client.post("/api/v1/auth/login", json=body)

    assert response.status_code == 422
    assert len(response.json()["errors"]) == 20
    assert len(response.content) < 5_000


async def test_a_page_of_an_allowed_origin_can_read_every_refusal_and_a_fault_of_ours_too(
    app: FastAPI,
) -> None:
    class Faulty:
        async def execute(self, **_: object) -> None:
            raise RuntimeError

    container: punq.Container = app.state.container
    container.register(LogIn, instance=Faulty())
    with_cors = create_app(container, no_resources, cors_origins=["https://a.example"])
    headers, body = {"Origin": "https://a.example"}, {"email": "a@b.example", "password": "x"}
    transport = httpx2.ASGITransport(with_cors)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        for path, status in (("login", 500), ("register", 422), ("logout", 401), ("", 404)):
            answer = await client.post(f"/api/v1/auth/{path}", json=body, headers=headers)
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == "https://a.example"
            assert "X-Request-ID" in answer.headers["access-control-expose-headers"]


async def test_a_slash_too_many_is_another_address(client: httpx2.AsyncClient) -> None:
    response = await client.get("/api/v1/users/me/")

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "spelling",
    [
        "ADA@EXAMPLE.COM",
        " ada@example.com\n",
        "\uff21\uff24\uff21@example.com",
        "ada@\uff45xample.com",
        "a\u1d48a@example.com",
    ],
)
async def test_another_case_or_unicode_form_of_an_address_is_the_same_account(
    client: httpx2.AsyncClient, ada: User, spelling: str
) -> None:
    again = {"email": spelling, "password": PASSWORD}

    assert (await client.post("/api/v1/auth/register", json=again)).status_code == 409
    assert (await client.post("/api/v1/auth/login", json=again)).status_code == 200


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("jose\u0301@example.com", "JOS\u00c9@example.com"),
        ("\u1f00\u03b4\u03ac\u03c3@example.com", "\u1f08\u0394\u0386\u03a3@example.com"),
        ("ada@b\u00fccher.example.com", "ada@xn--bcher-kva.example.com"),
        ("stra\u00dfe@example.com", "STRASSE@example.com"),
    ],
)
async def test_an_address_beyond_ascii_is_one_account_too(
    client: httpx2.AsyncClient, one: str, other: str
) -> None:
    first, second = ({"email": email, "password": PASSWORD} for email in (one, other))

    assert (await client.post("/api/v1/auth/register", json=first)).status_code == 201
    assert (await client.post("/api/v1/auth/register", json=second)).status_code == 409
    assert (await client.post("/api/v1/auth/login", json=second)).status_code == 200


async def test_a_password_is_measured_as_typed_and_in_its_normal_form(
    client: httpx2.AsyncClient,
) -> None:
    composed, decomposed = "\u00e9" * 64, "e\u0301" * 64
    body = {"email": "ada@example.com", "password": decomposed}

    assert (await client.post("/api/v1/auth/register", json=body)).status_code == 201
    for password in (composed, decomposed):
        login = {**body, "password": password}
        assert (await client.post("/api/v1/auth/login", json=login)).status_code == 200
    # Seven letters in normal form, and seven typed that would be more in it.
    for password in ("e\u0301" * 7, "\u00bc" * 7):
        short = {"email": "eve@example.com", "password": password}
        assert (await client.post("/api/v1/auth/register", json=short)).status_code == 422


@pytest.mark.parametrize("path", ["/health/live", "/docs", "/nowhere", "/api/v1/users/me"])
async def test_no_answer_lets_a_browser_guess_what_it_is(
    client: httpx2.AsyncClient, path: str
) -> None:
    assert (await client.get(path)).headers["x-content-type-options"] == "nosniff"
