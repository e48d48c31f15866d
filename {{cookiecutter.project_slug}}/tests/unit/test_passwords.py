import asyncio
import os
import sys
import threading
import time
from typing import Any

import argon2
import pytest

from src.domain.errors import WeakPasswordError
from src.usecases.ports.security import HashingBusyError
from src.utils.passwords import NICENESS, Argon2Passwords
from tests.support.passwords import argon2_passwords

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def passwords() -> Argon2Passwords:
    """Hashing that takes no time, where the time is not the point."""
    return argon2_passwords(memory_kib=8, passes=1)


@pytest.fixture(scope="module")
def real_passwords() -> Argon2Passwords:
    """Hashing as in production."""
    return argon2_passwords()


async def test_hashes_have_owasps_parameters(real_passwords: Argon2Passwords) -> None:
    password_hash = await real_passwords.hash(PASSWORD)

    assert password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await real_passwords.verify(password_hash, PASSWORD)


async def test_a_hash_made_with_other_parameters_is_still_verified(
    passwords: Argon2Passwords, real_passwords: Argon2Passwords
) -> None:
    assert await real_passwords.verify(await passwords.hash(PASSWORD), PASSWORD)


@pytest.mark.parametrize(
    ("chosen", "typed"),
    [
        pytest.param("caf\u00e9 au lait", "cafe\u0301 au lait", id="an accent of its own"),
        pytest.param("\ufb01ve \ufb01sh \ufb01ngers", "five fish fingers", id="ligatures"),
        pytest.param("\uff50\uff41\uff53\uff53 phrases", "pass phrases", id="fullwidth letters"),
        pytest.param("\u212bngstr\u00f6m unit", "A\u030angstro\u0308m unit", id="two accents"),
    ],
)
async def test_a_password_is_known_however_the_keyboard_composes_it(
    passwords: Argon2Passwords, chosen: str, typed: str
) -> None:
    assert chosen != typed
    assert await passwords.verify(await passwords.hash(chosen), typed)
    assert await passwords.verify(await passwords.hash(typed), chosen)


@pytest.mark.parametrize(
    "typed", [PASSWORD.upper(), PASSWORD + " ", PASSWORD[:-1], PASSWORD + "\0", ""]
)
async def test_a_password_that_differs_a_little_is_wrong(
    passwords: Argon2Passwords, typed: str
) -> None:
    assert not await passwords.verify(await passwords.hash(PASSWORD), typed)


@pytest.mark.parametrize("last", ["\0", "x", "\U0001f40e"])
async def test_no_password_is_truncated(passwords: Argon2Passwords, last: str) -> None:
    long = "\U0001f40e" * 127
    password_hash = await passwords.hash(long + last)

    assert await passwords.verify(password_hash, long + last)
    assert not await passwords.verify(password_hash, long + "y")
    assert not await passwords.verify(password_hash, long)


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("q8#nV2!z", id="8 characters"),
        pytest.param("x" * 128, id="128 characters"),
        pytest.param("q8 nV2 z", id="with blanks"),
        pytest.param("\U0001f40e" * 8, id="8 characters of 4 bytes"),
    ],
)
async def test_a_password_has_8_to_128_characters(
    passwords: Argon2Passwords, password: str
) -> None:
    assert await passwords.verify(await passwords.hash(password), password)


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("", id="empty"),
        pytest.param("q8#nV2!", id="7 characters"),
        pytest.param("x" * 129, id="129 characters"),
        pytest.param("e\u0301" * 7, id="7 characters of 2 code points"),
        pytest.param("\ufb03" * 43, id="129 characters when decomposed"),
    ],
)
async def test_a_password_of_another_length_is_refused(
    passwords: Argon2Passwords, password: str
) -> None:
    with pytest.raises(WeakPasswordError, match="8 to 128 characters"):
        await passwords.hash(password)


@pytest.mark.parametrize(
    "password", ["password", "Password", "12345678", "QWERTYUIOP", "iloveyou", "\uff50assword"]
)
async def test_a_common_password_is_refused_in_any_spelling(
    passwords: Argon2Passwords, password: str
) -> None:
    with pytest.raises(WeakPasswordError, match="too common"):
        await passwords.hash(password)


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
async def test_a_password_made_of_the_address_or_the_services_name_is_refused(
    password: str,
) -> None:
    passwords = argon2_passwords(memory_kib=8, passes=1, service_name="User-Service")

    with pytest.raises(WeakPasswordError, match="little more than"):
        await passwords.hash(password, "ada.lovelace@example.com")


@pytest.mark.parametrize("password", ["user-service-8x#Q", "lovely lace", "ada8x#Q2"])
async def test_a_password_may_hold_such_words_beside_others(password: str) -> None:
    passwords = argon2_passwords(memory_kib=8, passes=1, service_name="user-service")

    assert await passwords.hash(password, "ada@example.com")


@pytest.mark.parametrize("password", ["iloveyou", "q8#nV2!"])
async def test_a_refusal_does_not_repeat_the_password(
    passwords: Argon2Passwords, password: str
) -> None:
    with pytest.raises(WeakPasswordError) as refusal:
        await passwords.hash(password)

    assert password not in str(refusal.value)


@pytest.mark.parametrize("password", ["short", "password", "x" * 129])
async def test_a_password_that_would_be_refused_today_is_still_verified(
    passwords: Argon2Passwords, password: str
) -> None:
    chosen_long_ago = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

    assert await passwords.verify(chosen_long_ago.hash(password), password)


async def test_no_password_belongs_to_an_account_that_does_not_exist(
    passwords: Argon2Passwords,
) -> None:
    for password in ("", PASSWORD, "None"):
        assert not await passwords.verify(None, password)


async def test_no_account_costs_about_as_much_as_a_wrong_password(
    real_passwords: Argon2Passwords,
) -> None:
    password_hash = await real_passwords.hash(PASSWORD)

    async def cost(known_hash: str | None) -> float:
        started = time.perf_counter()
        await real_passwords.verify(known_hash, "not the password")
        return time.perf_counter() - started

    costs = [(await cost(None), await cost(password_hash)) for _ in range(15)]
    # The least of each: whatever else the machine does only adds.
    nobody, somebody = (min(column) for column in zip(*costs, strict=True))
    assert 0.5 < nobody / somebody < 2


async def test_the_event_loop_goes_on_while_passwords_are_hashed() -> None:
    passwords = argon2_passwords(memory_kib=65_536, passes=2)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    counting = asyncio.create_task(count_turns())
    password_hash = await passwords.hash(PASSWORD)
    while_hashing, turns = turns, 0
    await passwords.verify(password_hash, PASSWORD)
    while_verifying = turns
    counting.cancel()

    assert while_hashing > 3
    assert while_verifying > 3


async def test_a_damaged_hash_is_no_ones_password(passwords: Argon2Passwords) -> None:
    password_hash = await passwords.hash(PASSWORD)
    damaged = password_hash[:-3] + ("abc" if password_hash[-3:] != "abc" else "abd")

    assert not await passwords.verify(damaged, PASSWORD)


@pytest.mark.parametrize("changed", [{"memory_kib": 16}, {"passes": 2}, {"lanes": 2}])
async def test_a_hash_is_renewed_when_a_parameter_has_changed_and_only_then(
    changed: dict[str, Any],
) -> None:
    parameters: dict[str, Any] = {"memory_kib": 64, "passes": 1, "lanes": 1}
    before, now = argon2_passwords(**parameters), argon2_passwords(**parameters | changed)
    password_hash = await before.hash(PASSWORD)

    assert await before.rehash(password_hash, PASSWORD) is None
    renewed = await now.rehash(password_hash, PASSWORD)

    assert renewed is not None
    assert await now.rehash(renewed, PASSWORD) is None
    assert await before.verify(renewed, PASSWORD)


async def test_a_password_chosen_before_it_became_common_is_renewed_too(
    passwords: Argon2Passwords, real_passwords: Argon2Passwords
) -> None:
    chosen_long_ago = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

    assert await real_passwords.rehash(chosen_long_ago.hash("password"), "password")


async def test_more_than_can_wait_are_refused_at_once_and_places_come_back() -> None:
    passwords = argon2_passwords(threads=1, queue=2, memory_kib=16_384, passes=2)
    password_hash = await passwords.hash(PASSWORD)

    outcomes = await asyncio.gather(
        *(passwords.verify(password_hash, PASSWORD) for _ in range(8)), return_exceptions=True
    )

    assert outcomes[:3] == [True] * 3
    assert [type(outcome) for outcome in outcomes[3:]] == [HashingBusyError] * 5
    assert await passwords.verify(password_hash, PASSWORD)


async def test_a_caller_who_gives_up_leaves_no_place_taken() -> None:
    passwords = argon2_passwords(threads=1, queue=1, memory_kib=16_384, passes=2)
    for _ in range(6):
        waiting = [asyncio.create_task(passwords.verify(None, PASSWORD)) for _ in range(2)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {asyncio.CancelledError}
        async with asyncio.timeout(10):
            while True:
                try:
                    await passwords.verify(None, PASSWORD)
                except HashingBusyError:
                    await asyncio.sleep(0.01)
                else:
                    break


async def test_threads_that_hash_leave_the_cpu_to_the_event_loop(
    passwords: Argon2Passwords,
) -> None:
    await passwords.verify(None, PASSWORD)
    hashing = [thread for thread in threading.enumerate() if thread.name.startswith("argon2")]
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert hashing
    for thread in hashing:
        assert thread.native_id is not None
        steps = NICENESS if sys.platform == "linux" else 0
        assert os.getpriority(os.PRIO_PROCESS, thread.native_id) == min(own + steps, 19)
