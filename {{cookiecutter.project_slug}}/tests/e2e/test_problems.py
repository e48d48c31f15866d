"""Problems as clients of the running service see them. They reveal nothing about the service."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import punq
import pytest

from src.config import PostgresSettings
from src.container import build_container
from src.usecases.accounts.register_user import RegisterUser
from src.utils.settings import Settings
from tests.support.accounts import PASSWORD, Account, Login, post
from tests.support.problems import problem_of
from tests.support.service import serving, without
from tests.support.users import new_email

SECRET = "hunter2"  # shorter than a password may be


async def test_an_unknown_path_is_not_found(api: httpx2.AsyncClient) -> None:
    problem_of(await api.get("/api/v1/nothing"), 404, "not-found")


async def test_an_unsupported_method_is_refused_with_the_supported_ones(
    api: httpx2.AsyncClient,
) -> None:
    response = await api.request("TRACE", "/api/v1/users/me")
    problem_of(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "HEAD, GET"


async def test_a_taken_address_is_a_conflict(account: Account) -> None:
    response = await post(account.api, "register", email=account.email, password=PASSWORD)
    problem_of(response, 409, "email-taken")


async def test_a_body_larger_than_a_mebibyte_is_refused(api: httpx2.AsyncClient) -> None:
    response = await post(api, "login", email=new_email(), password="x" * 1024 * 1024)
    problem_of(response, 413, "content-too-large")


async def test_a_large_body_without_a_length_is_refused(api: httpx2.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    headers = {"content-type": "application/json"}
    response = await api.post("/api/v1/auth/login", content=chunks(), headers=headers)
    problem_of(response, 413, "content-too-large")


@pytest.mark.parametrize(
    ("body", "locations"),
    [
        ({}, [["body", "email"], ["body", "password"]]),
        ({"email": "no address", "password": PASSWORD}, [["body", "email"]]),
        ({"email": f"{SECRET}@", "password": PASSWORD}, [["body", "email"]]),
        ({"email": "ada@example.com", "password": SECRET}, [["body", "password"]]),
        ({"email": "ada@example.com", "password": SECRET * 20}, [["body", "password"]]),
        ({"email": "ada@example.com", "password": [SECRET]}, [["body", "password"]]),
        ({"email": "ada@example.com", "password": {"is": SECRET}}, [["body", "password"]]),
        ({"email": SECRET, "password": SECRET}, [["body", "email"], ["body", "password"]]),
        ({"email": "ada@example.com", "password": PASSWORD, "admin": SECRET}, [["body", "admin"]]),
        ([SECRET], [["body"]]),
        (SECRET, [["body"]]),
    ],
)
async def test_an_invalid_request_is_answered_with_the_locations_of_its_errors_and_no_values(
    api: httpx2.AsyncClient, body: Any, locations: list[list[str]]
) -> None:
    response = await api.post("/api/v1/auth/register", json=body)
    problem = problem_of(response, 422, "invalid-request")
    assert [error["location"] for error in problem["errors"]] == locations
    assert all(error["message"] for error in problem["errors"])
    assert SECRET not in response.text


async def test_a_body_that_is_not_json_is_an_invalid_request(api: httpx2.AsyncClient) -> None:
    response = await api.post(
        "/api/v1/auth/login",
        content='{"password": "' + SECRET,
        headers={"content-type": "application/json"},
    )
    problem_of(response, 422, "invalid-request")
    assert SECRET not in response.text


async def test_the_response_to_an_invalid_password_change_contains_no_password(
    login: Login,
) -> None:
    response = await login.change_password(PASSWORD, SECRET)
    problem_of(response, 422, "invalid-request")
    assert SECRET not in response.text
    assert PASSWORD not in response.text


class FaultyRegisterUser:
    """A use case with a fault."""

    async def execute(self, **_: object) -> None:
        raise RuntimeError(f"the cause, which holds {SECRET}")


async def test_an_unexpected_error_is_answered_without_its_cause(container: punq.Container) -> None:
    container.register(RegisterUser, instance=FaultyRegisterUser())
    async with serving(container) as api:
        response = await post(api, "register", email=new_email(), password=PASSWORD)
        problem = problem_of(response, 500, "internal-error")
        assert problem.keys() == {"type", "title", "status", "detail", "request_id"}
        assert SECRET not in response.text
        assert "RuntimeError" not in response.text
        assert (await api.get("/health/live")).status_code == 200


async def test_without_postgres_a_request_is_answered_with_retry_after(
    settings: Settings, cache_server: None
) -> None:
    unreachable = without(settings, "postgres")
    async with serving(build_container(unreachable)) as api:
        response = await post(api, "login", email=new_email(), password=PASSWORD)
        problem = problem_of(response, 503, "unavailable")
        assert response.headers["retry-after"] == "1"
        assert str(unreachable[PostgresSettings].port) not in response.text
        assert problem.keys() == {"type", "title", "status", "detail", "request_id"}


async def test_a_valid_request_id_of_the_client_is_kept(api: httpx2.AsyncClient) -> None:
    headers = {"X-Request-ID": "the-client.s_id-1"}
    accepted = await api.get("/health/live", headers=headers)
    refused = await api.get("/api/v1/users/me", headers=headers)
    assert accepted.headers["x-request-id"] == "the-client.s_id-1"
    assert problem_of(refused, 401, "unauthenticated")["request_id"] == "the-client.s_id-1"


@pytest.mark.parametrize("sent", ["", "a b", "a\tb", "{}", "x" * 65, "<script>", "é"])
async def test_an_invalid_request_id_of_the_client_is_replaced(
    api: httpx2.AsyncClient, sent: str
) -> None:
    headers = {b"X-Request-ID": sent.encode()}
    first = await api.get("/health/live", headers=headers)
    second = await api.get("/health/live", headers=headers)
    assert len(first.headers["x-request-id"]) == 32
    assert sent not in first.headers["x-request-id"] or not sent
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
