"""Every kind of flawed token at every protected operation: the response is always the same."""

from typing import Any

import httpx2
import pytest

from src.config import AppSettings
from src.utils.settings import Settings
from src.wiring.accounts import SecuritySettings
from tests.support.accounts import Login, post
from tests.support.documentation import Operation, operations
from tests.support.forgery import Forger
from tests.support.problems import problem_of


@pytest.fixture
def forger(settings: Settings, login: Login) -> Forger:
    """Forges tokens of the user of a live session."""
    secret = settings[SecuritySettings].secret_key.get_secret_value()
    name = settings[AppSettings].name
    return Forger(secret, name, login.access_token, login.refresh_token)


@pytest.fixture
async def protected(api: httpx2.AsyncClient) -> list[Operation]:
    """The operations that need an access token, by the service's own documentation."""
    documented = operations((await api.get("/openapi.json")).json())
    return [operation for operation in documented if operation.is_protected]


def fixed_parts(response: httpx2.Response) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the problem and the headers of a refusal, without the parts that always differ."""
    problem = problem_of(response, 401, "unauthenticated")
    varying = {"date", "x-request-id"}
    headers = {name: value for name, value in response.headers.items() if name not in varying}
    assert headers["www-authenticate"] == "Bearer"
    return problem | {"request_id": ""}, headers


async def test_every_protected_operation_answers_every_flawed_access_token_in_the_same_way(
    api: httpx2.AsyncClient, login: Login, forger: Forger, protected: list[Operation]
) -> None:
    tokens = forger.hostile()
    del tokens["nothing"], tokens["a null character"]  # HTTP allows no such header
    authorizations = {flaw: f"Bearer {token}" for flaw, token in tokens.items()} | {
        "no token": "",
        "no token after the scheme": "Bearer",
        "another scheme": f"Basic {login.access_token}",
        "two tokens": f"Bearer {login.access_token} {login.access_token}",
    }
    assert len(authorizations) > 50
    assert {"read_me", "logout"} <= {operation.id for operation in protected}
    for operation in protected:
        expected = fixed_parts(await api.request(operation.method, operation.url))
        for flaw, authorization in authorizations.items():
            headers = [(b"authorization", authorization.encode("latin-1"))]
            response = await api.request(operation.method, operation.url, headers=headers)
            assert fixed_parts(response) == expected, f"{operation}: {flaw}"
    assert (await login.me()).status_code == 200


async def test_a_refresh_answers_every_flawed_refresh_token_in_the_same_way(
    api: httpx2.AsyncClient, login: Login, forger: Forger
) -> None:
    genuine = login.refresh_token
    tokens = forger.hostile() | {
        "an access token": login.access_token,
        "a truncated token": genuine[:-1],
        "a changed token": genuine[:-9] + ("A" if genuine[-9] != "A" else "B") + genuine[-8:],
        "a token of another key": genuine[:32] + "A" * 43,
    }
    del tokens["a refresh token"]
    expected = fixed_parts(await post(api, "refresh", refresh_token="garbage"))
    for flaw, token in tokens.items():
        if 0 < len(token) <= 512:
            response = await post(api, "refresh", refresh_token=token)
            assert fixed_parts(response) == expected, flaw
    assert (await login.refresh()).status_code == 200


async def test_the_forger_of_these_tests_can_make_a_genuine_token(
    login: Login, forger: Forger
) -> None:
    token = forger.signed(forger.claims())
    assert (await Login(login.api, token, "").me()).status_code == 200
