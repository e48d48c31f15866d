from typing import Any

import argon2
import pytest
from argon2.exceptions import VerifyMismatchError

from src.usecases.ports.password_hasher import WeakPasswordError
from src.utils.security.passwords import Argon2PasswordHasher
from tests.support.passwords import argon2_hasher, record_argon2

PASSWORD = "correct horse battery staple"
WRONG_PASSWORD = "not the password"


@pytest.fixture(scope="module")
def hasher() -> Argon2PasswordHasher:
    return argon2_hasher()


@pytest.fixture
def library() -> argon2.PasswordHasher:
    """The Argon2 library without the rules for new passwords."""
    return argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


async def test_a_hash_has_the_parameters_of_its_hasher() -> None:
    password_hash = await argon2_hasher(memory_kib=64, passes=3, lanes=2).hash(PASSWORD)

    assert password_hash.startswith("$argon2id$v=19$m=64,t=3,p=2$")


async def test_a_hash_with_other_parameters_is_still_verified(
    hasher: Argon2PasswordHasher,
) -> None:
    password_hash = await argon2_hasher(memory_kib=64, passes=2).hash(PASSWORD)

    assert await hasher.verify(password_hash, PASSWORD)


@pytest.mark.parametrize("password", ["q8#nV2!", "\ufb03" * 43])
async def test_the_error_for_a_wrong_length_names_the_limits(
    hasher: Argon2PasswordHasher, password: str
) -> None:
    with pytest.raises(WeakPasswordError, match="8 to 128 characters"):
        await hasher.hash(password)


@pytest.mark.parametrize(
    "password", ["password", "Password", "12345678", "QWERTYUIOP", "iloveyou", "\uff50assword"]
)
async def test_a_common_password_is_refused_in_any_spelling(
    hasher: Argon2PasswordHasher, password: str
) -> None:
    with pytest.raises(WeakPasswordError, match="too common"):
        await hasher.hash(password)


@pytest.mark.parametrize(
    "password",
    [
        "ada.lovelace@example.com",
        "Ada.Lovelace1",
        "123ADA.lovelace",
        "example.com!",
        "user-service",
        "UserService24",
        "User service",
        "service.ada.lovelace",
        "\uff55\uff53\uff45\uff52service12",
    ],
)
@pytest.mark.parametrize("email", ["ada.lovelace@example.com", "Ada.Lovelace@Example.COM"])
async def test_a_password_made_of_the_address_or_the_services_name_is_refused(
    password: str, email: str
) -> None:
    hasher = argon2_hasher(service_name="User-Service")

    with pytest.raises(WeakPasswordError, match="consist mainly"):
        await hasher.hash(password, email)


@pytest.mark.parametrize("password", ["user-service-8x#Q", "lovely lace", "ada8x#Q2"])
async def test_a_password_may_contain_the_address_or_the_services_name_beside_other_words(
    password: str,
) -> None:
    hasher = argon2_hasher(service_name="user-service")

    assert await hasher.hash(password, "ada@example.com")


@pytest.mark.parametrize("password", ["iloveyou", "q8#nV2!"])
async def test_the_error_for_a_weak_password_does_not_contain_the_password(
    hasher: Argon2PasswordHasher, password: str
) -> None:
    with pytest.raises(WeakPasswordError) as refusal:
        await hasher.hash(password)

    assert password not in str(refusal.value)


@pytest.mark.parametrize("password", ["short", "password", "x" * 129])
async def test_an_existing_password_that_breaks_todays_rules_is_still_verified(
    hasher: Argon2PasswordHasher, library: argon2.PasswordHasher, password: str
) -> None:
    assert await hasher.verify(library.hash(password), password)


async def test_an_unknown_account_costs_the_same_work_as_a_wrong_password() -> None:
    hasher = argon2_hasher(memory_kib=64, passes=3, lanes=2)
    password_hash = await hasher.hash(PASSWORD)
    recorder = record_argon2(hasher)

    await hasher.verify(None, WRONG_PASSWORD)
    await hasher.verify(password_hash, WRONG_PASSWORD)

    unknown, known = recorder.verifications
    assert unknown == known
    assert known.parameters == argon2.extract_parameters(password_hash)
    assert known.error is VerifyMismatchError


async def test_a_damaged_hash_matches_no_password(hasher: Argon2PasswordHasher) -> None:
    password_hash = await hasher.hash(PASSWORD)
    damaged = password_hash[:-3] + ("abc" if password_hash[-3:] != "abc" else "abd")

    assert not await hasher.verify(damaged, PASSWORD)


@pytest.mark.parametrize("changed", [{"memory_kib": 16}, {"passes": 2}, {"lanes": 2}])
async def test_a_hash_is_renewed_if_and_only_if_a_parameter_has_changed(
    changed: dict[str, Any],
) -> None:
    parameters: dict[str, Any] = {"memory_kib": 64, "passes": 1, "lanes": 1}
    before = argon2_hasher(**parameters)
    after = argon2_hasher(**parameters | changed)
    password_hash = await before.hash(PASSWORD)

    assert await before.rehash(password_hash, PASSWORD) is None
    renewed = await after.rehash(password_hash, PASSWORD)

    assert renewed is not None
    assert await after.rehash(renewed, PASSWORD) is None
    assert await before.verify(renewed, PASSWORD)


async def test_the_hash_of_a_password_that_became_common_is_renewed(
    library: argon2.PasswordHasher,
) -> None:
    hasher = argon2_hasher(passes=2)

    assert await hasher.rehash(library.hash("password"), "password")
