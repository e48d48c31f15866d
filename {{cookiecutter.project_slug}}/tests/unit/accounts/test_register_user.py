import asyncio

import pytest

from src.domain.user import EmailTakenError, User, UserRegistered
from src.usecases.accounts.register_user import RegisterUser
from src.usecases.ports.password_hasher import WeakPasswordError
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase
from tests.fakes.password_hasher import COMMON_PASSWORD, FakePasswordHasher
from tests.unit.accounts.conftest import PASSWORD


async def test_registering_saves_the_user_and_one_event(
    register_user: RegisterUser, store: InMemoryDatabase, clock: MovableClock
) -> None:
    user = await register_user.execute(email="Ada@Example.com ", password=PASSWORD)

    [saved] = store.all(User)
    assert (saved.id, saved.email, saved.created_at) == (user.id, "Ada@Example.com", clock.now)
    [recorded] = store.events
    assert recorded.event == UserRegistered(user_id=user.id, email="Ada@Example.com")


async def test_registering_saves_only_the_hash_of_the_password(
    register_user: RegisterUser, store: InMemoryDatabase, password_hasher: FakePasswordHasher
) -> None:
    await register_user.execute(email="ada@example.com", password=PASSWORD)

    [saved] = store.all(User)
    assert PASSWORD not in str(vars(saved))
    assert await password_hasher.verify(saved.password_hash, PASSWORD)


@pytest.mark.parametrize("password", ["short", "x" * 129, COMMON_PASSWORD, "ada@example.com"])
async def test_a_weak_password_opens_no_account(
    register_user: RegisterUser, store: InMemoryDatabase, password: str
) -> None:
    with pytest.raises(WeakPasswordError):
        await register_user.execute(email="ada@example.com", password=password)

    assert store.all(User) == []
    assert store.events == []


@pytest.mark.parametrize("spelling", ["ada@example.com", "ADA@example.com"])
async def test_an_address_has_at_most_one_account(
    register_user: RegisterUser, store: InMemoryDatabase, ada: User, spelling: str
) -> None:
    with pytest.raises(EmailTakenError):
        await register_user.execute(email=spelling, password=PASSWORD)

    assert [user.id for user in store.all(User)] == [ada.id]
    assert len(store.events) == 1


async def test_of_two_concurrent_registrations_of_one_address_one_fails(
    register_user: RegisterUser, store: InMemoryDatabase
) -> None:
    outcomes = await asyncio.gather(
        *(register_user.execute(email="ada@example.com", password=PASSWORD) for _ in range(2)),
        return_exceptions=True,
    )

    assert {type(outcome) for outcome in outcomes} == {User, EmailTakenError}
    assert len(store.all(User)) == len(store.events) == 1
