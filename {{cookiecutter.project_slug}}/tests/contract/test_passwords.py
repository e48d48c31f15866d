import asyncio

import pytest

from src.domain.errors import WeakPasswordError
from src.usecases.ports.security import Passwords
from tests.fakes.passwords import COMMON, FastPasswords
from tests.support.passwords import argon2_passwords

PASSWORD = "correct horse battery staple"


@pytest.fixture(params=["fake", "real"])
def passwords(request: pytest.FixtureRequest) -> Passwords:
    if request.param == "fake":
        return FastPasswords()
    return argon2_passwords(memory_kib=8, passes=1)


async def test_a_password_is_known_by_its_hash(passwords: Passwords) -> None:
    password_hash = await passwords.hash(PASSWORD)

    assert PASSWORD not in password_hash
    assert await passwords.verify(password_hash, PASSWORD)
    assert not await passwords.verify(password_hash, PASSWORD + "!")
    assert not await passwords.verify(password_hash, "")


async def test_a_password_has_another_hash_each_time(passwords: Passwords) -> None:
    hashes = {await passwords.hash(PASSWORD) for _ in range(5)}

    assert len(hashes) == 5


async def test_an_account_that_does_not_exist_has_no_password(passwords: Passwords) -> None:
    assert not await passwords.verify(None, PASSWORD)
    assert not await passwords.verify(None, "")


async def test_a_password_may_be_typed_in_any_unicode_form(passwords: Passwords) -> None:
    password_hash = await passwords.hash("cafe\u0301 au lait")

    assert await passwords.verify(password_hash, "caf\u00e9 au lait")


@pytest.mark.parametrize("password", ["", "x" * 7, "x" * 129, COMMON, COMMON.upper()])
async def test_an_unfit_password_gets_no_hash(passwords: Passwords, password: str) -> None:
    with pytest.raises(WeakPasswordError):
        await passwords.hash(password)


async def test_the_address_of_an_account_is_not_its_password(passwords: Passwords) -> None:
    with pytest.raises(WeakPasswordError):
        await passwords.hash("Ada@Example.com", "ada@example.com")

    assert await passwords.hash(PASSWORD, "ada@example.com")


async def test_the_longest_password_is_told_from_one_that_differs_at_its_end(
    passwords: Passwords,
) -> None:
    password_hash = await passwords.hash("x" * 127 + "1")

    assert not await passwords.verify(password_hash, "x" * 127 + "2")


async def test_many_passwords_can_be_hashed_at_once(passwords: Passwords) -> None:
    wanted = [f"passphrase number {number}" for number in range(20)]

    hashes = await asyncio.gather(*map(passwords.hash, wanted))

    pairs = zip(hashes, wanted, strict=True)
    assert all(await asyncio.gather(*(passwords.verify(*pair) for pair in pairs)))
