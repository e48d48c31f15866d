import asyncio

import pytest

from src.domain.errors import EmailTakenError, WeakPasswordError
from src.domain.events import UserRegistered
from src.domain.user import User
from src.usecases.register_user import RegisterUser
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase
from tests.fakes.passwords import COMMON, FastPasswords
from tests.unit.conftest import PASSWORD


async def test_registering_saves_the_user_and_one_event(
    register_user: RegisterUser, store: InMemoryDatabase, clock: MovableClock
) -> None:
    user = await register_user.execute(email="Ada@Example.com ", password=PASSWORD)

    assert store.rows.users[user.id].email == "ada@example.com"
    assert user.created_at == clock.now
    [event] = store.rows.events
    assert isinstance(event, UserRegistered)
    assert event.user_id == user.id


async def test_only_the_hash_of_the_password_is_saved(
    register_user: RegisterUser, store: InMemoryDatabase, passwords: FastPasswords
) -> None:
    user = await register_user.execute(email="ada@example.com", password=PASSWORD)

    saved = store.rows.users[user.id]
    assert PASSWORD not in str(vars(saved))
    assert await passwords.verify(saved.password_hash, PASSWORD)


@pytest.mark.parametrize("password", ["short", "x" * 129, COMMON])
async def test_an_unfit_password_opens_no_account(
    register_user: RegisterUser, store: InMemoryDatabase, password: str
) -> None:
    with pytest.raises(WeakPasswordError):
        await register_user.execute(email="ada@example.com", password=password)

    assert store.rows.users == {}
    assert store.rows.events == []


@pytest.mark.parametrize("spelling", ["ada@example.com", "ADA@example.com"])
async def test_an_address_has_one_account(
    register_user: RegisterUser, store: InMemoryDatabase, ada: User, spelling: str
) -> None:
    with pytest.raises(EmailTakenError):
        await register_user.execute(email=spelling, password=PASSWORD)

    assert [*store.rows.users] == [ada.id]
    assert len(store.rows.events) == 1


async def test_of_two_registrations_at_once_one_is_told_that_the_address_is_taken(
    register_user: RegisterUser, store: InMemoryDatabase
) -> None:
    outcomes = await asyncio.gather(
        *(register_user.execute(email="ada@example.com", password=PASSWORD) for _ in range(2)),
        return_exceptions=True,
    )

    assert {type(outcome) for outcome in outcomes} == {User, EmailTakenError}
    assert len(store.rows.users) == len(store.rows.events) == 1
