"""HEAD answers as GET, without a body."""

import httpx2
import pytest

from tests.support.accounts import Login

OF_ONE_REQUEST = {"date", "x-request-id"}


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/users/me",
        "/health/live",
        "/health/ready",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/docs/swagger/swagger-ui.css",
        "/api/v1/nowhere",
        "/api/v1/auth/login",
    ],
)
async def test_head_answers_with_the_status_and_headers_of_get_and_no_body(
    api: httpx2.AsyncClient, login: Login, path: str
) -> None:
    get = await api.get(path, headers=login.headers)
    head = await api.head(path, headers=login.headers)

    assert head.status_code == get.status_code
    assert {**head.headers, **dict.fromkeys(OF_ONE_REQUEST)} == {
        **get.headers,
        **dict.fromkeys(OF_ONE_REQUEST),
    }
    assert int(head.headers["content-length"]) == len(get.content) > 0
    assert not head.content


async def test_head_without_a_valid_token_is_refused_as_get(api: httpx2.AsyncClient) -> None:
    head = await api.head("/api/v1/users/me")

    assert head.status_code == 401
    assert head.headers["www-authenticate"] == "Bearer"
