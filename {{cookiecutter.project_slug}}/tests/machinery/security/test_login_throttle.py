"""The contract of `LoginThrottle`, on counters in memory and on the service's own storage."""

from uuid import uuid4

import punq
import pytest
from limits.aio.storage import Storage

from src.domain.errors import AuthenticationError
from src.usecases.ports.login_throttle import LoginThrottle, TooManyAttemptsError
from src.utils.security.counters import MemoryCounters
from tests.support.guessing import (
    PER_ACCOUNT,
    PER_ADDRESS,
    PER_PAIR,
    WINDOW_SECONDS,
    guess,
    guess_concurrently,
    new_account,
    new_network,
    throttle_on,
)


@pytest.fixture(params=["memory", "service"])
def throttle(request: pytest.FixtureRequest) -> LoginThrottle:
    if request.param == "memory":
        return throttle_on(MemoryCounters())
    container: punq.Container = request.getfixturevalue("container")
    return throttle_on(container.resolve(Storage))


@pytest.fixture
def email() -> str:
    return new_account()


@pytest.fixture
def home() -> str:
    """The address of the account's owner."""
    return new_network() + "1"


@pytest.fixture
def elsewhere() -> str:
    """The prefix of an attacker's addresses."""
    return new_network()


async def test_an_account_allows_a_limited_number_of_wrong_guesses_from_one_address(
    throttle: LoginThrottle, email: str, home: str
) -> None:
    made = [await guess(throttle.login(email, home)) for _ in range(PER_PAIR + 2)]

    assert made == [True] * PER_PAIR + [False] * 2
    with pytest.raises(TooManyAttemptsError) as refusal:
        async with throttle.login(email, home):
            pass
    assert 1 <= refusal.value.retry_after <= WINDOW_SECONDS


async def test_concurrent_logins_with_the_correct_password_do_not_lock_the_owner_out(
    throttle: LoginThrottle, email: str, home: str
) -> None:
    outcomes = await guess_concurrently(lambda: throttle.login(email, home), number=PER_PAIR * 3)

    assert outcomes.count(None) == PER_PAIR
    assert await guess(throttle.login(email, home), correct=True)


async def test_concurrent_wrong_guesses_cannot_exceed_the_limit(
    throttle: LoginThrottle, email: str, home: str
) -> None:
    outcomes = await guess_concurrently(
        lambda: throttle.login(email, home), number=20, error=AuthenticationError()
    )

    kinds = [type(outcome) for outcome in outcomes]
    assert kinds.count(AuthenticationError) == PER_PAIR
    assert kinds.count(TooManyAttemptsError) == 20 - PER_PAIR


async def test_refused_guesses_at_one_account_do_not_count_against_other_accounts(
    throttle: LoginThrottle, email: str, home: str
) -> None:
    for _ in range(PER_ADDRESS + PER_PAIR):
        await guess(throttle.login(email, home))

    assert await guess(throttle.login(new_account(), home), correct=True)


async def test_correct_passwords_do_not_count(
    throttle: LoginThrottle, email: str, home: str
) -> None:
    for _ in range(3 * PER_ADDRESS):
        assert await guess(throttle.login(email, home), correct=True)

    assert await guess(throttle.login(email, home))


async def test_a_login_that_fails_for_another_reason_than_its_password_does_not_count(
    throttle: LoginThrottle, email: str, home: str
) -> None:
    for _ in range(3 * PER_ADDRESS):
        with pytest.raises(ZeroDivisionError):
            async with throttle.login(email, home):
                raise ZeroDivisionError

    assert await guess(throttle.login(email, home))


async def test_one_address_is_limited_over_all_accounts_together(
    throttle: LoginThrottle, home: str, elsewhere: str
) -> None:
    made = [await guess(throttle.login(new_account(), home)) for _ in range(PER_ADDRESS + 2)]

    assert made == [True] * PER_ADDRESS + [False] * 2
    assert await guess(throttle.login(new_account(), elsewhere + "1"))


async def test_one_account_is_limited_over_all_addresses_together(
    throttle: LoginThrottle, email: str, elsewhere: str
) -> None:
    attempts = [throttle.login(email, f"{elsewhere}{n}") for n in range(PER_ACCOUNT + 2)]

    assert [await guess(each) for each in attempts] == [True] * PER_ACCOUNT + [False] * 2
    assert await guess(throttle.login(new_account(), f"{elsewhere}1"))


async def test_an_attack_from_other_addresses_does_not_lock_the_owner_out(
    throttle: LoginThrottle, email: str, home: str, elsewhere: str
) -> None:
    assert await guess(throttle.login(email, home), correct=True)
    for number in range(PER_ACCOUNT + 2):
        await guess(throttle.login(email, f"{elsewhere}{number}"))

    assert not await guess(throttle.login(email, f"{elsewhere}99"), correct=True)
    assert await guess(throttle.login(email, home), correct=True)


async def test_wrong_guesses_are_limited_at_an_address_that_the_account_knows(
    throttle: LoginThrottle, email: str, home: str
) -> None:
    assert await guess(throttle.login(email, home), correct=True)

    made = [await guess(throttle.login(email, home)) for _ in range(PER_PAIR + 1)]

    assert made == [True] * PER_PAIR + [False]


async def test_guesses_refused_at_one_address_do_not_count_against_the_account(
    throttle: LoginThrottle, email: str, home: str, elsewhere: str
) -> None:
    for _ in range(3 * PER_ACCOUNT):
        await guess(throttle.login(email, home))

    assert await guess(throttle.login(email, f"{elsewhere}1"), correct=True)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:DB8:0001:0002:0:0:0:1", True),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.7", "192.0.2.8", False),
        ("", "", True),
        ("invalid text from a proxy", "another text", False),
    ],
)
async def test_an_address_is_counted_by_ipv4_address_or_ipv6_network_in_any_spelling(
    throttle: LoginThrottle, email: str, one: str, other: str, same: bool
) -> None:
    for _ in range(PER_PAIR):
        await guess(throttle.login(email, one))

    assert await guess(throttle.login(email, other)) is not same


async def test_guesses_of_the_current_password_are_limited_in_each_session(
    throttle: LoginThrottle,
) -> None:
    session_id = uuid4()

    made = [await guess(throttle.password_change(session_id)) for _ in range(PER_PAIR + 1)]

    assert made == [True] * PER_PAIR + [False]
    assert await guess(throttle.password_change(uuid4()))


async def test_wrong_logins_do_not_count_against_password_changes(
    throttle: LoginThrottle, home: str
) -> None:
    for _ in range(PER_ADDRESS + 1):
        await guess(throttle.login(new_account(), home))

    assert await guess(throttle.password_change(uuid4()))
