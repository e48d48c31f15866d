"""The account routes on use cases with fakes: addresses, passwords and hostile text."""

import json
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from src.api.dependencies import use
from src.domain.user import User
from src.usecases.accounts.log_in import LogIn
from src.usecases.accounts.refresh_session import RefreshSession
from src.usecases.accounts.register_user import RegisterUser
from src.utils.security.passwords import Argon2PasswordHasher
from tests.support.passwords import argon2_hasher
from tests.support.problems import problem_of
from tests.unit.accounts.conftest import PASSWORD

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def password_hasher() -> Argon2PasswordHasher:
    """A real password hasher, because hostile text must not make it fail."""
    return argon2_hasher()


@pytest.fixture
def client(
    app: FastAPI,
    client: httpx2.AsyncClient,
    register_user: RegisterUser,
    log_in: LogIn,
    refresh_session: RefreshSession,
) -> httpx2.AsyncClient:
    app.dependency_overrides[use(RegisterUser)] = lambda: register_user
    app.dependency_overrides[use(LogIn)] = lambda: log_in
    app.dependency_overrides[use(RefreshSession)] = lambda: refresh_session
    return client


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="empty"),
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
            id="an unknown field",
        ),
    ],
)
async def test_an_invalid_registration_is_refused_without_repeating_the_password(
    client: httpx2.AsyncClient, body: dict[str, Any]
) -> None:
    response = await client.post("/api/v1/auth/register", json=body)

    problem_of(response, 422, "invalid-request")
    assert PASSWORD not in response.text


async def test_a_registration_is_answered_with_the_user_and_without_the_password(
    client: httpx2.AsyncClient,
) -> None:
    body = {"email": "Ada@Example.com", "password": PASSWORD}

    response = await client.post("/api/v1/auth/register", json=body)

    assert response.status_code == 201
    assert set(response.json()) == {"id", "email", "is_active", "created_at", "updated_at"}
    assert response.json()["email"] == "Ada@Example.com"


async def test_no_cache_may_store_a_response_with_tokens(
    client: httpx2.AsyncClient, ada: User
) -> None:
    body = {"email": ada.email, "password": PASSWORD}

    response = await client.post("/api/v1/auth/login", json=body)

    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("route", ["register", "login"])
@pytest.mark.parametrize("part", ["email", "password"])
async def test_a_lone_surrogate_in_the_credentials_is_an_error_of_the_client(
    client: httpx2.AsyncClient, ada: User, route: str, part: str
) -> None:
    body = {"email": ada.email, "password": PASSWORD}
    body[part] = "\ud800" + body[part]

    response = await client.post(f"/api/v1/auth/{route}", content=json.dumps(body), headers=JSON)

    assert response.status_code in {401, 422}
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_lone_surrogate_is_not_a_valid_refresh_token(client: httpx2.AsyncClient) -> None:
    body = b'{"refresh_token": "\\ud800"}'

    response = await client.post("/api/v1/auth/refresh", content=body, headers=JSON)

    assert response.status_code in {401, 422}


@pytest.mark.parametrize(
    "spelling",
    [
        "ADA@EXAMPLE.COM",
        " ada@example.com\n",
        "ada@\uff45xample.com",
    ],
)
async def test_another_spelling_of_an_address_is_the_same_account(
    client: httpx2.AsyncClient, ada: User, spelling: str
) -> None:
    again = {"email": spelling, "password": PASSWORD}

    assert (await client.post("/api/v1/auth/register", json=again)).status_code == 409
    assert (await client.post("/api/v1/auth/login", json=again)).status_code == 200


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("jose\u0301@example.com", "JOS\u00c9@example.com"),
        ("\u1f00\u03b4\u03ac\u03c2@example.com", "\u1f08\u0394\u0386\u03a3@example.com"),
        ("ada@b\u00fccher.example.com", "ada@xn--bcher-kva.example.com"),
        ("ada@fa\u00df.example.com", "ada@XN--FA-HIA.example.com"),
    ],
)
async def test_two_spellings_of_an_address_beyond_ascii_are_one_account(
    client: httpx2.AsyncClient, one: str, other: str
) -> None:
    first = {"email": one, "password": PASSWORD}
    second = {"email": other, "password": PASSWORD}

    assert (await client.post("/api/v1/auth/register", json=first)).status_code == 201
    assert (await client.post("/api/v1/auth/register", json=second)).status_code == 409
    assert (await client.post("/api/v1/auth/login", json=second)).status_code == 200


async def test_the_length_of_a_password_is_checked_as_typed_and_in_its_normal_form(
    client: httpx2.AsyncClient,
) -> None:
    composed = "\u00e9" * 64
    decomposed = "e\u0301" * 64
    body = {"email": "ada@example.com", "password": decomposed}

    assert (await client.post("/api/v1/auth/register", json=body)).status_code == 201
    for password in (composed, decomposed):
        login = {**body, "password": password}
        assert (await client.post("/api/v1/auth/login", json=login)).status_code == 200
    # Seven letters in normal form, and seven typed characters with a longer normal form.
    for password in ("e\u0301" * 7, "\u00bc" * 7):
        short = {"email": "eve@example.com", "password": password}
        assert (await client.post("/api/v1/auth/register", json=short)).status_code == 422
