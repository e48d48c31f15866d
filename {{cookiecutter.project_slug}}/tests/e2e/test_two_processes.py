"""Two processes of the service, each with connections of its own, on the same servers."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import httpx2
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from src.repositories.db.engine import Database

from src import manage
from src.config import Settings
from src.container import build_container
from tests.support.accounts import PASSWORD, Account, Login, post, problem_of
from tests.support.service import serving
from tests.support.users import new_email

NEW_PASSWORD = "another passphrase that nobody has"
LIVE = text("SELECT count(*) FROM sessions WHERE user_id = :id AND revoked_at IS NULL")


@pytest.fixture(scope="module")
async def other_api(
    api: httpx2.AsyncClient, settings: Settings
) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the second process."""
    async with serving(build_container(settings)) as client:
        yield client


def at(api: httpx2.AsyncClient, login: Login) -> Login:
    """Return the same session as a client of another process holds it."""
    return replace(login, api=api)


async def test_fifty_identical_refreshes_over_two_processes_give_one_successor_and_end_nothing(
    other_api: httpx2.AsyncClient, account: Account, login: Login, database: Database
) -> None:
    elsewhere = at(other_api, login)
    responses = await asyncio.gather(*(each.refresh() for each in [login, elsewhere] * 25))
    assert {response.status_code for response in responses} == {200}
    [successor] = {response.json()["refresh_token"] for response in responses}
    assert successor != login.refresh_token
    for response in responses:
        tokens = response.json()
        assert (await Login(login.api, tokens["access_token"], "").me()).status_code == 200
    [[live]] = await database.fetch(LIVE, {"id": account.id})
    assert live == 1
    next_login = Login(other_api, "", successor)
    assert (await next_login.refresh()).status_code == 200


async def test_an_end_is_known_to_the_other_process_at_once(
    other_api: httpx2.AsyncClient, account: Account
) -> None:
    for _ in range(5):
        login, kept = await account.log_in(), await account.log_in()
        for api in (account.api, other_api):
            assert (await at(api, login).me()).status_code == 200
        assert (await login.log_out()).status_code == 204
        problem_of(await at(other_api, login).me(), 401, "unauthenticated")
        assert (await at(other_api, kept).me()).status_code == 200


async def test_a_deactivation_by_the_operator_holds_in_every_process_at_once(
    other_api: httpx2.AsyncClient,
    account: Account,
    login: Login,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for api in (account.api, other_api):
        assert (await at(api, login).me()).status_code == 200
    monkeypatch.setattr("sys.argv", ["manage", "deactivate", account.email.upper()])
    await manage.main()
    assert "The account is closed" in capsys.readouterr().out
    for api in (account.api, other_api):
        problem_of(await at(api, login).me(), 401, "unauthenticated")
        problem_of(await at(api, login).refresh(), 401, "unauthenticated")
        response = await post(api, "login", email=account.email, password=PASSWORD)
        problem_of(response, 401, "unauthenticated")


async def test_the_operator_may_spell_an_address_as_it_was_registered(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    email = new_email().replace("example", "xn--bcher-kva.example")
    assert (await post(account.api, "register", email=email, password=PASSWORD)).is_success
    monkeypatch.setattr("sys.argv", ["manage", "deactivate", email])
    await manage.main()
    assert "The account is closed" in capsys.readouterr().out


async def test_while_a_password_changes_no_session_survives_on_the_old_one(
    other_api: httpx2.AsyncClient, account: Account, database: Database
) -> None:
    old, new = PASSWORD, NEW_PASSWORD
    for _ in range(4):
        changer, victim = await account.log_in(old), await account.log_in(old)
        elsewhere = at(other_api, victim)
        change, *others = await asyncio.gather(
            changer.change_password(old, new),
            *(victim.refresh() for _ in range(3)),
            *(elsewhere.refresh() for _ in range(3)),
            # Two, for ten failures in all four rounds would be throttled.
            *(post(other_api, "login", email=account.email, password=old) for _ in range(2)),
        )
        assert change.status_code == 204
        assert {response.status_code for response in others} <= {200, 401}
        for response in (each for each in others if each.status_code == 200):
            tokens = response.json()
            for api in (account.api, other_api):
                got = Login(api, tokens["access_token"], tokens["refresh_token"])
                problem_of(await got.me(), 401, "unauthenticated")
                problem_of(await got.refresh(), 401, "unauthenticated")
        [[live]] = await database.fetch(LIVE, {"id": account.id})
        assert live == 1
        assert (await at(other_api, changer).me()).status_code == 200
        assert (await changer.log_out()).status_code == 204
        old, new = new, old


@dataclass(frozen=True)
class Rotation:
    """The settings of a process before, and of one after the key was changed."""

    before: Settings
    after: Settings


@pytest.fixture
def rotation(settings: Settings) -> Rotation:
    """The new key is first let in to verify, then it signs, and the old one verifies."""
    old, new = settings.security.secret_key, SecretStr("the secret of next year, " * 3)
    before = settings.security.model_copy(update={"previous_secret_keys": (new,)})
    after = settings.security.model_copy(update={"secret_key": new, "previous_secret_keys": (old,)})
    return Rotation(
        settings.model_copy(update={"security": before}),
        settings.model_copy(update={"security": after}),
    )


async def test_nobody_is_logged_out_while_the_signing_key_changes(
    api: httpx2.AsyncClient, login: Login, rotation: Rotation
) -> None:
    async with (
        serving(build_container(rotation.before)) as before,
        serving(build_container(rotation.after)) as after,
    ):
        assert (await at(after, login).me()).status_code == 200
        assert (await at(before, login).refresh()).status_code == 200
        # The answer was lost, and the retry goes to a process with the new key.
        response = await at(after, login).refresh()
        assert response.status_code == 200
        tokens = response.json()
        moved_on = Login(before, tokens["access_token"], tokens["refresh_token"])
        for client in (before, after):
            assert (await at(client, moved_on).me()).status_code == 200
        assert (await at(before, moved_on).refresh()).status_code == 200
        assert (await at(after, moved_on).refresh()).status_code == 200
        # Whoever knows neither key as previous accepts its own alone.
        problem_of(await at(api, moved_on).me(), 401, "unauthenticated")
