"""Sessions: how they go on, and that they end when they should."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import text
from src.repositories.db.engine import Database
from src.usecases.ports.security import Tokens

from src.config import Settings
from src.container import build_container
from tests.support.accounts import Account, Login, post, problem_of
from tests.support.users import new_session

EVENTS = text(
    "SELECT envelope FROM outbox_messages WHERE event_type = 'session.reuse_detected.v1'"
    " AND envelope -> 'data' ->> 'user_id' = :user_id"
)


def successor(login: Login, response: httpx2.Response) -> Login:
    """Return the tokens that a refresh answered with."""
    assert response.status_code == 200, response.text
    tokens = response.json()
    return Login(login.api, tokens["access_token"], tokens["refresh_token"])


async def test_a_refresh_answers_with_the_next_pair_of_tokens(login: Login) -> None:
    response = await login.refresh()
    moved_on = successor(login, response)
    assert response.json().keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert response.headers["cache-control"] == "no-store"
    assert moved_on.refresh_token != login.refresh_token
    assert (await moved_on.me()).status_code == 200
    assert (await moved_on.refresh()).status_code == 200


async def test_a_refresh_that_is_repeated_at_once_gets_the_same_refresh_token(
    login: Login,
) -> None:
    first = successor(login, await login.refresh())
    repeated = successor(login, await login.refresh())
    assert repeated.refresh_token == first.refresh_token
    assert (await repeated.me()).status_code == 200


async def test_many_refreshes_at_once_get_the_same_refresh_token(login: Login) -> None:
    responses = await asyncio.gather(*(login.refresh() for _ in range(8)))
    assert len({successor(login, response).refresh_token for response in responses}) == 1


async def test_a_replayed_refresh_token_ends_the_session_and_is_recorded(
    account: Account, login: Login, database: Database
) -> None:
    second = successor(login, await login.refresh())
    third = successor(second, await second.refresh())
    assert (await third.me()).status_code == 200
    problem_of(await login.refresh(), 401, "unauthenticated")
    for ended in (login, second, third):
        problem_of(await ended.me(), 401, "unauthenticated")
        problem_of(await ended.refresh(), 401, "unauthenticated")
    [[envelope]] = await database.fetch(EVENTS, {"user_id": account.id})
    assert envelope["subject"] != account.id  # it is about the session


async def test_the_previous_refresh_token_ends_the_session_once_its_grace_is_over(
    account: Account, login: Login, database: Database
) -> None:
    moved_on = successor(login, await login.refresh())
    await database.fetch(
        text(
            "UPDATE sessions SET rotated_at = rotated_at - interval '11 seconds'"
            " WHERE user_id = :id RETURNING id"
        ),
        {"id": account.id},
    )
    problem_of(await login.refresh(), 401, "unauthenticated")
    problem_of(await moved_on.me(), 401, "unauthenticated")


async def test_a_replay_leaves_other_sessions_of_the_user_alone(
    account: Account, login: Login
) -> None:
    other = await account.log_in()
    second = successor(login, await login.refresh())
    await second.refresh()
    problem_of(await login.refresh(), 401, "unauthenticated")
    assert (await other.me()).status_code == 200
    assert (await other.refresh()).status_code == 200


async def test_a_logout_ends_this_session_at_once_and_no_other(
    account: Account, login: Login
) -> None:
    other = await account.log_in()
    assert (await login.me()).status_code == 200
    assert (await login.log_out()).status_code == 204
    problem_of(await login.me(), 401, "unauthenticated")
    problem_of(await login.refresh(), 401, "unauthenticated")
    problem_of(await login.log_out(), 401, "unauthenticated")
    assert (await other.me()).status_code == 200


async def test_a_session_that_was_not_refreshed_for_too_long_has_ended(
    account: Account, login: Login, database: Database
) -> None:
    await database.fetch(
        text("UPDATE sessions SET idle_expires_at = now() WHERE user_id = :id RETURNING id"),
        {"id": account.id},
    )
    problem_of(await login.refresh(), 401, "unauthenticated")


async def test_a_session_ends_at_its_absolute_expiry_whatever_its_tokens_say(
    account: Account, login: Login, database: Database
) -> None:
    await database.fetch(
        text("UPDATE sessions SET absolute_expires_at = now() WHERE user_id = :id RETURNING id"),
        {"id": account.id},
    )
    problem_of(await login.me(), 401, "unauthenticated")


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param(lambda login, expired: None, id="no token"),
        pytest.param(lambda login, expired: "Bearer", id="no token after the scheme"),
        pytest.param(lambda login, expired: "Bearer not-a-token", id="no JWT"),
        pytest.param(lambda login, expired: f"Basic {login.access_token}", id="another scheme"),
        pytest.param(lambda login, expired: f"Bearer {login.access_token[:-4]}AAAA", id="forged"),
        pytest.param(lambda login, expired: f"Bearer {login.refresh_token}", id="a refresh token"),
        pytest.param(lambda login, expired: f"Bearer {expired}", id="expired"),
    ],
)
async def test_only_a_valid_access_token_lets_a_request_in(
    settings: Settings, login: Login, authorization: Callable[[Login, str], str | None]
) -> None:
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    tokens = build_container(settings).resolve(Tokens)
    expired = tokens.issue(new_session(uuid4()), an_hour_ago).access_token
    header = authorization(login, expired)
    headers = {"Authorization": header} if header else {}
    for method, path in (
        ("GET", "/api/v1/users/me"),
        ("PUT", "/api/v1/users/me/password"),
        ("POST", "/api/v1/auth/logout"),
    ):
        body = {"current_password": "x", "new_password": "a long passphrase"}
        response = await login.api.request(
            method, path, headers=headers, json=body if method == "PUT" else None
        )
        problem_of(response, 401, "unauthenticated")
        assert response.headers["www-authenticate"] == "Bearer"


async def test_an_access_token_is_no_refresh_token(login: Login) -> None:
    response = await post(login.api, "refresh", refresh_token=login.access_token)
    problem_of(response, 401, "unauthenticated")
