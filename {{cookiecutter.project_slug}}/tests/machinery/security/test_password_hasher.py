"""The contract of `PasswordHasher`, on the fake and on the real adapter."""

import asyncio

import pytest

from src.usecases.ports.password_hasher import PasswordHasher, WeakPasswordError
from tests.fakes.password_hasher import COMMON_PASSWORD, FakePasswordHasher
from tests.support.passwords import argon2_hasher

PASSWORD = "correct horse battery staple"
HORSE = "\U0001f40e"


@pytest.fixture(params=["fake", "argon2"])
def hasher(request: pytest.FixtureRequest) -> PasswordHasher:
    if request.param == "fake":
        return FakePasswordHasher()
    return argon2_hasher()


async def test_a_hash_verifies_its_own_password_and_does_not_contain_it(
    hasher: PasswordHasher,
) -> None:
    password_hash = await hasher.hash(PASSWORD)

    assert PASSWORD not in password_hash
    assert await hasher.verify(password_hash, PASSWORD)


@pytest.mark.parametrize(
    "typed", [PASSWORD.upper(), PASSWORD + " ", PASSWORD + "!", PASSWORD[:-1], PASSWORD + "\0", ""]
)
async def test_a_password_with_a_small_difference_is_wrong(
    hasher: PasswordHasher, typed: str
) -> None:
    assert not await hasher.verify(await hasher.hash(PASSWORD), typed)


async def test_the_same_password_has_a_different_hash_each_time(hasher: PasswordHasher) -> None:
    hashes = {await hasher.hash(PASSWORD) for _ in range(5)}

    assert len(hashes) == 5


@pytest.mark.parametrize("password", ["", PASSWORD, "None"])
async def test_an_unknown_account_accepts_no_password(
    hasher: PasswordHasher, password: str
) -> None:
    assert not await hasher.verify(None, password)


@pytest.mark.parametrize(
    ("chosen", "typed"),
    [
        pytest.param("caf\u00e9 au lait", "cafe\u0301 au lait", id="combining accent"),
        pytest.param("\ufb01ve \ufb01sh \ufb01ngers", "five fish fingers", id="ligatures"),
        pytest.param("\uff50\uff41\uff53\uff53 phrases", "pass phrases", id="fullwidth letters"),
        pytest.param("\u212bngstr\u00f6m unit", "A\u030angstro\u0308m unit", id="two accents"),
    ],
)
async def test_a_password_matches_in_every_unicode_form(
    hasher: PasswordHasher, chosen: str, typed: str
) -> None:
    assert chosen != typed
    assert await hasher.verify(await hasher.hash(chosen), typed)
    assert await hasher.verify(await hasher.hash(typed), chosen)


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("q8#nV2!z", id="8 characters"),
        pytest.param("x" * 128, id="128 characters"),
        pytest.param("q8 nV2 z", id="with spaces"),
        pytest.param(HORSE * 8, id="8 characters of 4 bytes"),
    ],
)
async def test_a_password_of_8_to_128_characters_is_accepted(
    hasher: PasswordHasher, password: str
) -> None:
    assert await hasher.verify(await hasher.hash(password), password)


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("", id="empty"),
        pytest.param("q8#nV2!", id="7 characters"),
        pytest.param("x" * 129, id="129 characters"),
        pytest.param("e\u0301" * 7, id="7 characters of 2 code points"),
        pytest.param("\ufb03" * 43, id="129 characters when decomposed"),
        pytest.param(COMMON_PASSWORD, id="a common password"),
        pytest.param(COMMON_PASSWORD.upper(), id="a common password in capitals"),
    ],
)
async def test_a_weak_password_is_refused(hasher: PasswordHasher, password: str) -> None:
    with pytest.raises(WeakPasswordError):
        await hasher.hash(password)


async def test_the_email_address_of_an_account_is_refused_as_its_password(
    hasher: PasswordHasher,
) -> None:
    with pytest.raises(WeakPasswordError):
        await hasher.hash("Ada@Example.com", "ada@example.com")

    assert await hasher.hash(PASSWORD, "ada@example.com")


@pytest.mark.parametrize("last", ["\0", "x", HORSE])
async def test_no_password_is_truncated(hasher: PasswordHasher, last: str) -> None:
    password_hash = await hasher.hash(HORSE * 127 + last)

    assert await hasher.verify(password_hash, HORSE * 127 + last)
    assert not await hasher.verify(password_hash, HORSE * 127 + "y")
    assert not await hasher.verify(password_hash, HORSE * 127)


async def test_many_passwords_can_be_hashed_concurrently(hasher: PasswordHasher) -> None:
    passwords = [f"passphrase number {number}" for number in range(20)]

    hashes = await asyncio.gather(*map(hasher.hash, passwords))

    pairs = zip(hashes, passwords, strict=True)
    assert all(await asyncio.gather(*(hasher.verify(*pair) for pair in pairs)))


async def test_a_hash_with_the_current_parameters_is_not_renewed(hasher: PasswordHasher) -> None:
    assert await hasher.rehash(await hasher.hash(PASSWORD), PASSWORD) is None
