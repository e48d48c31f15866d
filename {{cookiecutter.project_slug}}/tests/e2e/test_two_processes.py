"""Two processes of the service, each with connections of its own, on the same servers."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import httpx2
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from src import manage
from src.container import build_container
from src.repositories.postgres.engine import Database
from src.utils.settings import Settings
from src.wiring.accounts import SecuritySettings
from tests.support.accounts import PASSWORD, Account, Login, post
from tests.support.problems import problem_of
from tests.support.service import serving
from tests.support.users import new_email

NEW_PASSWORD = "another passphrase for the tests"
LIVE = text("SELECT count(*) FROM sessions WHERE user_id = :id AND revoked_at IS NULL")


@pytest.fixture(scope="module")
async def other_api(
    api: httpx2.AsyncClient, settings: Settings
) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the second process."""
    async with serving(build_container(settings)) as client:
        yield client


async def run_command(*arguments: str) -> None:
    """Run an operator's command, as `python -m src.manage` does."""
    parsed = manage.command_line().parse_args(arguments)
    await manage.run(parsed)


def at(api: httpx2.AsyncClient, login: Login) -> Login:
    """Return the same session with a client of another process."""
    return replace(login, api=api)


async def test_fifty_identical_refreshes_at_two_processes_give_one_refresh_token_and_end_no_session(
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


async def test_a_logout_holds_in_the_other_process_at_once(
    other_api: httpx2.AsyncClient, account: Account
) -> None:
    for _ in range(5):
        login = await account.log_in()
        kept = await account.log_in()
        for api in (account.api, other_api):
            assert (await at(api, login).me()).status_code == 200
        assert (await login.log_out()).status_code == 204
        problem_of(await at(other_api, login).me(), 401, "unauthenticated")
        assert (await at(other_api, kept).me()).status_code == 200


async def test_a_deactivation_by_an_operator_holds_in_every_process_at_once(
    other_api: httpx2.AsyncClient,
    account: Account,
    login: Login,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for api in (account.api, other_api):
        assert (await at(api, login).me()).status_code == 200
    await run_command("deactivate", account.email.upper())
    assert "The account is closed" in capsys.readouterr().out
    for api in (account.api, other_api):
        problem_of(await at(api, login).me(), 401, "unauthenticated")
        problem_of(await at(api, login).refresh(), 401, "unauthenticated")
        response = await post(api, "login", email=account.email, password=PASSWORD)
        problem_of(response, 401, "unauthenticated")


async def test_an_operator_can_spell_an_address_as_it_was_registered(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    email = new_email().replace("example", "xn--bcher-kva.example")
    assert (await post(account.api, "register", email=email, password=PASSWORD)).is_success
    await run_command("deactivate", email)
    assert "The account is closed" in capsys.readouterr().out


async def test_no_session_of_the_old_password_survives_a_concurrent_password_change(
    other_api: httpx2.AsyncClient, account: Account, database: Database
) -> None:
    old = PASSWORD
    new = NEW_PASSWORD
    for _ in range(4):
        changer = await account.log_in(old)
        victim = await account.log_in(old)
        elsewhere = at(other_api, victim)
        change, *others = await asyncio.gather(
            changer.change_password(old, new),
            *(victim.refresh() for _ in range(3)),
            *(elsewhere.refresh() for _ in range(3)),
            # Two, because ten failures in all four rounds would be throttled.
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
    """The settings of two processes: before and after the change of the signing key."""

    before: Settings
    after: Settings


@pytest.fixture
def rotation(settings: Settings) -> Rotation:
    """First the new key only verifies. Then it signs, and the old key only verifies."""
    security = settings[SecuritySettings]
    old = security.secret_key
    new = SecretStr("the secret of next year, " * 3)
    before = {"previous_secret_keys": (new,)}
    after = {"secret_key": new, "previous_secret_keys": (old,)}
    return Rotation(
        settings.replace(security.model_copy(update=before)),
        settings.replace(security.model_copy(update=after)),
    )


async def test_a_change_of_the_signing_key_ends_no_session(
    api: httpx2.AsyncClient, login: Login, rotation: Rotation
) -> None:
    async with (
        serving(build_container(rotation.before)) as before,
        serving(build_container(rotation.after)) as after,
    ):
        assert (await at(after, login).me()).status_code == 200
        assert (await at(before, login).refresh()).status_code == 200
        # The response was lost, and the retry reaches a process with the new key.
        response = await at(after, login).refresh()
        assert response.status_code == 200
        tokens = response.json()
        second = Login(before, tokens["access_token"], tokens["refresh_token"])
        for client in (before, after):
            assert (await at(client, second).me()).status_code == 200
        assert (await at(before, second).refresh()).status_code == 200
        assert (await at(after, second).refresh()).status_code == 200
        # A process without previous keys accepts only tokens of its own key.
        problem_of(await at(api, second).me(), 401, "unauthenticated")
