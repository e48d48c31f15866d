"""How guessing passwords is slowed, counted in memory and where this service counts."""

import asyncio
from uuid import uuid4

import punq
import pytest
from limits.aio.storage import Storage

from src.domain.errors import AuthenticationError
from src.repositories.throttle import LimitsThrottle, MemoryCounters
from src.usecases.ports.throttle import TooManyAttemptsError
from tests.support.guessing import (
    PER_ACCOUNT,
    PER_ADDRESS,
    PER_PAIR,
    guess,
    new_network,
    throttle_on,
)
from tests.support.users import new_email


@pytest.fixture
def home() -> str:
    return new_network() + "1"


@pytest.fixture
def elsewhere() -> str:
    return new_network()


@pytest.fixture(params=["memory", "service"])
def throttle(request: pytest.FixtureRequest) -> LimitsThrottle:
    if request.param == "memory":
        return throttle_on(MemoryCounters())
    container: punq.Container = request.getfixturevalue("container")
    return throttle_on(container.resolve(Storage))


async def test_an_account_may_be_guessed_at_from_one_address_a_few_times_only(
    throttle: LimitsThrottle,
    home: str,
) -> None:
    email = new_email()
    made = [await guess(throttle.login(email, home)) for _ in range(PER_PAIR + 2)]
    assert made == [True] * PER_PAIR + [False] * 2
    with pytest.raises(TooManyAttemptsError) as refusal:
        async with throttle.login(email, home):
            pass
    assert 1 <= refusal.value.retry_after <= 60


async def test_right_passwords_that_come_all_at_once_lock_nobody_out(
    throttle: LimitsThrottle,
    home: str,
) -> None:
    email = new_email()

    async def log_in() -> None:
        async with throttle.login(email, home):
            await asyncio.sleep(0.2)

    await asyncio.gather(*(log_in() for _ in range(PER_PAIR * 3)), return_exceptions=True)
    async with throttle.login(email, home):
        pass


async def test_guesses_that_are_refused_do_not_count_for_other_accounts(
    throttle: LimitsThrottle,
    home: str,
) -> None:
    email = new_email()
    for _ in range(PER_ADDRESS + PER_PAIR):
        await guess(throttle.login(email, home))
    async with throttle.login(new_email(), home):
        pass


async def test_guesses_that_are_made_all_at_once_count_all_the_same(
    throttle: LimitsThrottle,
    home: str,
) -> None:
    email, made = new_email(), 0

    async def wrong() -> None:
        nonlocal made
        async with throttle.login(email, home):
            made += 1
            await asyncio.sleep(0.05)
            raise AuthenticationError

    outcomes = await asyncio.gather(*(wrong() for _ in range(20)), return_exceptions=True)
    assert made == PER_PAIR
    assert sum(isinstance(outcome, TooManyAttemptsError) for outcome in outcomes) == 20 - PER_PAIR


async def test_right_passwords_count_for_nothing(throttle: LimitsThrottle, home: str) -> None:
    email = new_email()
    for _ in range(3 * PER_ADDRESS):
        assert await guess(throttle.login(email, home), right=True)
    assert await guess(throttle.login(email, home))


async def test_a_login_that_failed_for_another_reason_counts_for_nothing(
    throttle: LimitsThrottle,
    home: str,
) -> None:
    email = new_email()
    for _ in range(3 * PER_ADDRESS):
        with pytest.raises(ZeroDivisionError):
            async with throttle.login(email, home):
                raise ZeroDivisionError
    assert await guess(throttle.login(email, home))


async def test_one_address_may_try_many_accounts_a_few_times_only(
    throttle: LimitsThrottle,
    home: str,
    elsewhere: str,
) -> None:
    made = [await guess(throttle.login(new_email(), home)) for _ in range(PER_ADDRESS + 2)]
    assert made == [True] * PER_ADDRESS + [False] * 2
    assert await guess(throttle.login(new_email(), elsewhere + "1"))


async def test_many_addresses_together_may_guess_at_one_account_a_few_times_only(
    throttle: LimitsThrottle,
    elsewhere: str,
) -> None:
    email = new_email()
    attempts = [throttle.login(email, f"{elsewhere}{n}") for n in range(PER_ACCOUNT + 2)]
    assert [await guess(each) for each in attempts] == [True] * PER_ACCOUNT + [False] * 2
    assert await guess(throttle.login(new_email(), f"{elsewhere}1"))


async def test_an_attack_from_elsewhere_does_not_lock_the_owner_out_at_home(
    throttle: LimitsThrottle,
    home: str,
    elsewhere: str,
) -> None:
    email = new_email()
    assert await guess(throttle.login(email, home), right=True)
    for number in range(PER_ACCOUNT + 2):
        await guess(throttle.login(email, f"{elsewhere}{number}"))
    assert not await guess(throttle.login(email, f"{elsewhere}99"), right=True)
    assert await guess(throttle.login(email, home), right=True)


async def test_at_home_too_the_owner_may_be_wrong_a_few_times_only(
    throttle: LimitsThrottle,
    home: str,
) -> None:
    email = new_email()
    assert await guess(throttle.login(email, home), right=True)
    made = [await guess(throttle.login(email, home)) for _ in range(PER_PAIR + 1)]
    assert made == [True] * PER_PAIR + [False]


async def test_an_address_that_is_refused_takes_nothing_from_the_account(
    throttle: LimitsThrottle,
    home: str,
    elsewhere: str,
) -> None:
    email = new_email()
    for _ in range(3 * PER_ACCOUNT):
        await guess(throttle.login(email, home))
    assert await guess(throttle.login(email, f"{elsewhere}1"), right=True)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:DB8:0001:0002:0:0:0:1", True),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.7", "192.0.2.8", False),
        ("", "", True),
        ("a name that a proxy made up", "another", False),
    ],
)
async def test_an_address_is_what_one_client_has_however_it_is_written(
    throttle: LimitsThrottle, one: str, other: str, same: bool
) -> None:
    email = new_email()
    for _ in range(PER_PAIR):
        await guess(throttle.login(email, one))
    assert await guess(throttle.login(email, other)) is not same


async def test_the_current_password_may_be_guessed_in_a_session_a_few_times_only(
    throttle: LimitsThrottle,
) -> None:
    session, other = uuid4(), uuid4()
    made = [await guess(throttle.password_change(session)) for _ in range(PER_PAIR + 1)]
    assert made == [True] * PER_PAIR + [False]
    assert await guess(throttle.password_change(other))


async def test_an_attack_on_the_login_leaves_password_changes_alone(
    throttle: LimitsThrottle,
    home: str,
) -> None:
    for _ in range(PER_ADDRESS + 1):
        await guess(throttle.login(new_email(), home))
    assert await guess(throttle.password_change(uuid4()))
