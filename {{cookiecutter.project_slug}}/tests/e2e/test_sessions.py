"""Sessions: their refresh and their end."""

import asyncio

import httpx2
from sqlalchemy import text

from src.domain.session import SessionReuseDetected
from src.repositories.postgres.engine import Database
from tests.support.accounts import Account, Login, post
from tests.support.problems import problem_of

EVENTS = text(
    "SELECT envelope FROM outbox_messages"
    " WHERE event_type = :event_type AND envelope -> 'data' ->> 'user_id' = :user_id"
)


def successor(login: Login, response: httpx2.Response) -> Login:
    """Return the session with the tokens of a refresh."""
    assert response.status_code == 200, response.text
    tokens = response.json()
    return Login(login.api, tokens["access_token"], tokens["refresh_token"])


async def test_a_refresh_is_answered_with_the_next_pair_of_tokens(login: Login) -> None:
    response = await login.refresh()
    second = successor(login, response)
    assert response.json().keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert response.headers["cache-control"] == "no-store"
    assert second.refresh_token != login.refresh_token
    assert (await second.me()).status_code == 200
    assert (await second.refresh()).status_code == 200


async def test_a_repeated_refresh_is_answered_with_the_same_refresh_token(login: Login) -> None:
    first = successor(login, await login.refresh())
    repeated = successor(login, await login.refresh())
    assert repeated.refresh_token == first.refresh_token
    assert (await repeated.me()).status_code == 200


async def test_concurrent_refreshes_are_answered_with_the_same_refresh_token(login: Login) -> None:
    responses = await asyncio.gather(*(login.refresh() for _ in range(8)))
    assert len({successor(login, response).refresh_token for response in responses}) == 1


async def test_a_replayed_refresh_token_ends_the_session_and_stores_an_event(
    account: Account, login: Login, database: Database
) -> None:
    second = successor(login, await login.refresh())
    third = successor(second, await second.refresh())
    assert (await third.me()).status_code == 200
    problem_of(await login.refresh(), 401, "unauthenticated")
    for ended in (login, second, third):
        problem_of(await ended.me(), 401, "unauthenticated")
        problem_of(await ended.refresh(), 401, "unauthenticated")
    parameters = {"event_type": SessionReuseDetected.name, "user_id": account.id}
    [[envelope]] = await database.fetch(EVENTS, parameters)
    assert envelope["subject"] != account.id  # the subject is the session


async def test_the_previous_refresh_token_ends_the_session_after_the_grace_period(
    account: Account, login: Login, database: Database
) -> None:
    second = successor(login, await login.refresh())
    await database.fetch(
        text(
            "UPDATE sessions SET rotated_at = rotated_at - interval '2 hours'"
            " WHERE user_id = :id RETURNING id"
        ),
        {"id": account.id},
    )
    problem_of(await login.refresh(), 401, "unauthenticated")
    problem_of(await second.me(), 401, "unauthenticated")


async def test_a_replayed_refresh_token_ends_no_other_session_of_the_user(
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


async def test_a_session_cannot_be_refreshed_after_its_idle_expiry(
    account: Account, login: Login, database: Database
) -> None:
    await database.fetch(
        text("UPDATE sessions SET idle_expires_at = now() WHERE user_id = :id RETURNING id"),
        {"id": account.id},
    )
    problem_of(await login.refresh(), 401, "unauthenticated")


async def test_a_session_ends_at_its_absolute_expiry_although_its_tokens_are_valid(
    account: Account, login: Login, database: Database
) -> None:
    await database.fetch(
        text("UPDATE sessions SET absolute_expires_at = now() WHERE user_id = :id RETURNING id"),
        {"id": account.id},
    )
    problem_of(await login.me(), 401, "unauthenticated")


async def test_an_access_token_is_not_accepted_as_a_refresh_token(login: Login) -> None:
    response = await post(login.api, "refresh", refresh_token=login.access_token)
    problem_of(response, 401, "unauthenticated")
