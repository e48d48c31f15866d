"""Opening an account, logging in, and a user's own data."""

import asyncio
from datetime import datetime
from uuid import UUID

import httpx2
from sqlalchemy import text

from src.repositories.postgres.engine import Database
from tests.support.accounts import PASSWORD, Account, Login, post
from tests.support.problems import problem_of
from tests.support.users import new_email

NEW_PASSWORD = "another passphrase for the tests"


async def test_a_registration_is_answered_with_the_user_and_without_the_password(
    api: httpx2.AsyncClient,
) -> None:
    email = new_email().upper()
    response = await post(api, "register", email=f" {email}", password=PASSWORD)
    assert response.status_code == 201
    user = response.json()
    assert user.keys() == {"id", "email", "is_active", "created_at", "updated_at"}
    assert UUID(user["id"])
    assert user["email"] == email
    assert user["is_active"] is True
    assert datetime.fromisoformat(user["created_at"]).tzinfo is not None
    assert user["updated_at"] == user["created_at"]


async def test_an_address_can_be_registered_once_in_any_spelling(account: Account) -> None:
    response = await post(
        account.api, "register", email=account.email.upper(), password=NEW_PASSWORD
    )
    problem_of(response, 409, "email-taken")
    await account.log_in(PASSWORD)


async def test_of_many_concurrent_registrations_of_one_address_one_succeeds(
    api: httpx2.AsyncClient,
) -> None:
    email = new_email()
    attempts = [post(api, "register", email=email, password=PASSWORD) for _ in range(8)]
    statuses = [response.status_code for response in await asyncio.gather(*attempts)]
    assert sorted(statuses) == [201, *[409] * 7]


async def test_a_login_is_answered_with_a_pair_of_tokens_that_no_cache_may_store(
    account: Account,
) -> None:
    response = await post(account.api, "login", email=account.email, password=PASSWORD)
    assert response.status_code == 200
    tokens = response.json()
    assert tokens.keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("bearer", 600)
    assert tokens["access_token"] != tokens["refresh_token"]
    assert response.headers["cache-control"] == "no-store"


async def test_a_login_accepts_the_address_in_any_case(account: Account) -> None:
    response = await post(account.api, "login", email=account.email.title(), password=PASSWORD)
    assert response.status_code == 200


async def test_a_wrong_password_an_unknown_address_and_an_inactive_account_get_the_same_response(
    account: Account, database: Database
) -> None:
    wrong = await post(account.api, "login", email=account.email, password=NEW_PASSWORD)
    unknown = await post(account.api, "login", email=new_email(), password=PASSWORD)
    await database.fetch(
        text("UPDATE users SET is_active = false WHERE id = :id RETURNING id"), {"id": account.id}
    )
    inactive = await post(account.api, "login", email=account.email, password=PASSWORD)
    answers = [problem_of(each, 401, "unauthenticated") for each in (wrong, unknown, inactive)]
    for answer in answers:
        del answer["request_id"]
    assert answers[0] == answers[1] == answers[2]


async def test_me_is_the_user_of_the_access_token_with_and_without_the_cache(
    account: Account, login: Login
) -> None:
    first = await login.me()
    second = await login.me()
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert first.json().keys() == {"id", "email", "is_active", "created_at", "updated_at"}
    assert (first.json()["id"], first.json()["email"]) == (account.id, account.email)


async def test_a_password_change_ends_every_other_session_at_once_and_keeps_its_own(
    account: Account, login: Login
) -> None:
    other = await account.log_in()
    assert (await other.me()).status_code == 200
    assert (await login.change_password(PASSWORD, NEW_PASSWORD)).status_code == 204
    problem_of(await other.me(), 401, "unauthenticated")
    problem_of(await other.refresh(), 401, "unauthenticated")
    assert (await login.me()).status_code == 200
    assert (await login.refresh()).status_code == 200


async def test_after_a_password_change_only_the_new_password_is_accepted(
    account: Account, login: Login
) -> None:
    before = (await login.me()).json()["updated_at"]
    await login.change_password(PASSWORD, NEW_PASSWORD)
    old = await post(account.api, "login", email=account.email, password=PASSWORD)
    problem_of(old, 401, "unauthenticated")
    await account.log_in(NEW_PASSWORD)
    assert (await login.me()).json()["updated_at"] > before


async def test_a_password_change_needs_the_current_password(account: Account, login: Login) -> None:
    other = await account.log_in()
    response = await login.change_password("not the password", NEW_PASSWORD)
    problem_of(response, 401, "unauthenticated")
    assert (await other.me()).status_code == 200
    await account.log_in(PASSWORD)


async def test_of_two_concurrent_password_changes_one_succeeds(
    account: Account, login: Login
) -> None:
    changes = [login.change_password(PASSWORD, f"{NEW_PASSWORD} {n}") for n in (0, 1)]
    statuses = [response.status_code for response in await asyncio.gather(*changes)]
    assert sorted(statuses) == [204, 401]
    await account.log_in(f"{NEW_PASSWORD} {statuses.index(204)}")


async def test_a_common_password_is_refused(api: httpx2.AsyncClient, login: Login) -> None:
    registration = await post(api, "register", email=new_email(), password="password123")
    problem_of(registration, 422, "weak-password")
    problem_of(await login.change_password(PASSWORD, "password123"), 422, "weak-password")
