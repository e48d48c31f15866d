"""Nobody learns from the time of a refusal who has an account."""

import random
import time

import punq
import pytest

from src.config import Settings
from src.container import build_container, open_resources
from src.domain.errors import AuthenticationError
from src.repositories.throttle import LimitsThrottle, MemoryCounters
from src.usecases.log_in import LogIn
from src.usecases.ports.security import Passwords
from src.usecases.ports.throttle import Throttle
from src.usecases.register_user import RegisterUser
from tests.support.passwords import argon2_passwords
from tests.support.users import new_email

SAMPLES = 300
WITHOUT_END = dict.fromkeys(("per_address", "per_account", "per_account_and_address"), 10**6)


@pytest.fixture
def parts(settings: Settings) -> punq.Container:
    """The service on real servers, with hashes of some milliseconds: the rest weighs more."""
    container = build_container(settings)
    container.register(Passwords, instance=argon2_passwords(memory_kib=4096, passes=1))
    throttle = LimitsThrottle(MemoryCounters(), window_seconds=600, **WITHOUT_END)
    container.register(Throttle, instance=throttle)
    return container


async def refusal(log_in: LogIn, email: str) -> float:
    """Return how long it took, in seconds."""
    started = time.perf_counter()
    with pytest.raises(AuthenticationError):
        await log_in.execute(email=email, password="not the password", address="192.0.2.1")
    return time.perf_counter() - started


async def test_an_unknown_address_takes_as_long_as_a_wrong_password(parts: punq.Container) -> None:
    """The area under the curve: how often one takes longer than the other, half the time if alike.

    By chance it leaves 0.5 ± 0.1 in one run of 40,000.
    """
    known = new_email()
    async with open_resources(parts):
        await parts.resolve(RegisterUser).execute(email=known, password="a long passphrase")
        log_in = parts.resolve(LogIn)
        emails = [known] * SAMPLES + [new_email() for _ in range(SAMPLES)]
        random.shuffle(emails)
        times = [(email, await refusal(log_in, email)) for email in emails]
    wrong = [seconds for email, seconds in times if email == known]
    unknown = [seconds for email, seconds in times if email != known]
    longer = sum(one > other for one in wrong for other in unknown)
    assert 0.4 < longer / SAMPLES**2 < 0.6
