"""Use cases on fakes. Only the tokens are real: they need no server and take no time."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from src.domain.session import SessionLifetime
from src.domain.user import User
from src.repositories.throttle import LimitsThrottle, MemoryCounters
from src.usecases.authenticate import Authenticate
from src.usecases.change_password import ChangePassword
from src.usecases.log_in import LogIn
from src.usecases.log_out import LogOut
from src.usecases.ports.throttle import Throttle
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from src.usecases.refresh_session import RefreshSession
from src.usecases.register_user import RegisterUser
from src.utils.tokens import SignedTokens
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase
from tests.fakes.passwords import FastPasswords
from tests.fakes.unit_of_work import InMemoryUnitOfWork
from tests.support.environment import COMPLETE, Environment

PASSWORD, HOME = "correct horse battery staple", "192.0.2.1"


@pytest.fixture(autouse=True)
def log_lines() -> Iterator[list[EventDict]]:
    """Keep what is logged, in place of writing it."""
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def store() -> InMemoryDatabase:
    return InMemoryDatabase()


@pytest.fixture
def unit_of_work(store: InMemoryDatabase, clock: MovableClock) -> UnitOfWorkFactory:
    return partial(InMemoryUnitOfWork, store, clock)


@pytest.fixture
def passwords() -> FastPasswords:
    return FastPasswords()


@pytest.fixture
def tokens() -> SignedTokens:
    return SignedTokens(
        secret_keys=["0123456789abcdef" * 4],
        issuer="this-service",
        ttl_seconds=600,
        lifetime=SessionLifetime(idle=timedelta(days=14), absolute=timedelta(days=90)),
    )


@pytest.fixture
def register_user(unit_of_work: UnitOfWorkFactory, passwords: FastPasswords) -> RegisterUser:
    return RegisterUser(unit_of_work, passwords)


@pytest.fixture
def throttle() -> Throttle:
    """The real one, in memory, that lets three guesses be wrong."""
    return LimitsThrottle(
        MemoryCounters(),
        window_seconds=60,
        per_address=8,
        per_account=5,
        per_account_and_address=3,
    )


@pytest.fixture
def log_in(
    unit_of_work: UnitOfWorkFactory,
    passwords: FastPasswords,
    tokens: SignedTokens,
    throttle: Throttle,
) -> LogIn:
    return LogIn(unit_of_work, passwords, tokens, throttle)


@pytest.fixture
def refresh_session(unit_of_work: UnitOfWorkFactory, tokens: SignedTokens) -> RefreshSession:
    return RefreshSession(unit_of_work, tokens)


@pytest.fixture
def log_out(unit_of_work: UnitOfWorkFactory) -> LogOut:
    return LogOut(unit_of_work)


@pytest.fixture
def change_password(
    unit_of_work: UnitOfWorkFactory,
    passwords: FastPasswords,
    throttle: Throttle,
) -> ChangePassword:
    return ChangePassword(unit_of_work, passwords, throttle)


@pytest.fixture
def authenticate(unit_of_work: UnitOfWorkFactory, tokens: SignedTokens) -> Authenticate:
    return Authenticate(unit_of_work, tokens)


@pytest.fixture
async def ada(register_user: RegisterUser) -> User:
    """Someone with an account, whose events so far are of no interest."""
    return await register_user.execute(email="ada@example.com", password=PASSWORD)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    return Environment(monkeypatch)


@pytest.fixture
def complete(environment: Environment) -> Environment:
    """All that has no default."""
    environment.set(COMPLETE)
    return environment
