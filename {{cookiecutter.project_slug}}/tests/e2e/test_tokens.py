"""Every kind of token at every endpoint: whatever is wrong with it, the answer is the same."""

from typing import Any

import httpx2
import pytest

from src.config import Settings
from tests.support.accounts import Login, post, problem_of
from tests.support.forgery import Forger

ENDPOINTS: dict[str, tuple[str, str, dict[str, str] | None]] = {
    "me": ("GET", "/api/v1/users/me", None),
    "password": (
        "PUT",
        "/api/v1/users/me/password",
        {"current_password": "x", "new_password": "a long passphrase"},
    ),
    "logout": ("POST", "/api/v1/auth/logout", None),
}


@pytest.fixture
def forger(settings: Settings, login: Login) -> Forger:
    """Someone who wants to be the user of a live session."""
    secret = settings.security.secret_key.get_secret_value()
    return Forger(secret, settings.app.name, login.access_token, login.refresh_token)


def told(response: httpx2.Response) -> tuple[dict[str, Any], dict[str, str]]:
    """Return all of a refusal that does not differ from one request to the next."""
    problem = problem_of(response, 401, "unauthenticated")
    changing = {"date", "x-request-id"}
    headers = {name: value for name, value in response.headers.items() if name not in changing}
    assert headers["www-authenticate"] == "Bearer"
    return problem | {"request_id": ""}, headers


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_a_request_with_any_flaw_in_its_token_gets_one_and_the_same_refusal(
    api: httpx2.AsyncClient, login: Login, forger: Forger, endpoint: str
) -> None:
    method, path, body = ENDPOINTS[endpoint]
    tokens = forger.hostile()
    del tokens["nothing"], tokens["a null character"]  # no client would send such a header
    authorizations = {flaw: f"Bearer {token}" for flaw, token in tokens.items()} | {
        "no token": "",
        "no token after the scheme": "Bearer",
        "another scheme": f"Basic {login.access_token}",
        "two tokens": f"Bearer {login.access_token} {login.access_token}",
    }
    expected = told(await api.request(method, path, json=body))
    assert len(authorizations) > 50
    for flaw, authorization in authorizations.items():
        headers = [(b"authorization", authorization.encode("latin-1"))]
        response = await api.request(method, path, json=body, headers=headers)
        assert told(response) == expected, flaw
    assert (await login.me()).status_code == 200


async def test_a_refresh_with_any_other_token_gets_one_and_the_same_refusal(
    api: httpx2.AsyncClient, login: Login, forger: Forger
) -> None:
    genuine = login.refresh_token
    tokens = forger.hostile() | {
        "an access token": login.access_token,
        "a token cut short": genuine[:-1],
        "a changed token": genuine[:-9] + ("A" if genuine[-9] != "A" else "B") + genuine[-8:],
        "another key's": genuine[:32] + "A" * 43,
    }
    del tokens["a refresh token"]
    expected = told(await post(api, "refresh", refresh_token="garbage"))
    for flaw, token in tokens.items():
        if 0 < len(token) <= 512:
            response = await post(api, "refresh", refresh_token=token)
            assert told(response) == expected, flaw
    assert (await login.refresh()).status_code == 200


async def test_the_forger_could_make_a_genuine_token(login: Login, forger: Forger) -> None:
    token = forger.signed(forger.claims())
    assert (await Login(login.api, token, "").me()).status_code == 200
