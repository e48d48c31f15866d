"""The use cases of accounts, on fakes. Tokens and the throttle are real: they need no server."""

from datetime import timedelta

import pytest

from src.domain.session import SessionLifetime
from src.domain.user import User
from src.usecases.accounts.authenticate import Authenticate
from src.usecases.accounts.change_password import ChangePassword
from src.usecases.accounts.log_in import LogIn
from src.usecases.accounts.log_out import LogOut
from src.usecases.accounts.refresh_session import RefreshSession
from src.usecases.accounts.register_user import RegisterUser
from src.usecases.accounts.session_tokens import SessionTokens
from src.usecases.ports.login_throttle import LoginThrottle
from src.usecases.ports.token_service import TokenService
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from src.utils.security.counters import MemoryCounters
from src.utils.security.throttle import LimitsLoginThrottle
from src.utils.security.tokens import SignedTokenService
from tests.fakes.password_hasher import FakePasswordHasher

PASSWORD = "correct horse battery staple"
HOME = "192.0.2.1"


@pytest.fixture
def password_hasher() -> FakePasswordHasher:
    return FakePasswordHasher()


@pytest.fixture
def token_service() -> TokenService:
    return SignedTokenService(
        secret_keys=["0123456789abcdef" * 4], issuer="this-service", ttl_seconds=600
    )


@pytest.fixture
def session_tokens(token_service: TokenService) -> SessionTokens:
    lifetime = SessionLifetime(idle=timedelta(days=14), absolute=timedelta(days=90))
    return SessionTokens(lifetime=lifetime, token_service=token_service)


@pytest.fixture
def login_throttle() -> LoginThrottle:
    """Three wrong passwords are accepted for one account at one address."""
    return LimitsLoginThrottle(
        MemoryCounters(),
        window_seconds=60,
        per_address=8,
        per_account=5,
        per_account_and_address=3,
    )


@pytest.fixture
def register_user(
    unit_of_work: UnitOfWorkFactory, password_hasher: FakePasswordHasher
) -> RegisterUser:
    return RegisterUser(unit_of_work, password_hasher)


@pytest.fixture
def log_in(
    unit_of_work: UnitOfWorkFactory,
    password_hasher: FakePasswordHasher,
    session_tokens: SessionTokens,
    login_throttle: LoginThrottle,
) -> LogIn:
    return LogIn(unit_of_work, password_hasher, session_tokens, login_throttle)


@pytest.fixture
def refresh_session(
    unit_of_work: UnitOfWorkFactory, token_service: TokenService, session_tokens: SessionTokens
) -> RefreshSession:
    return RefreshSession(unit_of_work, session_tokens)


@pytest.fixture
def log_out(unit_of_work: UnitOfWorkFactory) -> LogOut:
    return LogOut(unit_of_work)


@pytest.fixture
def change_password(
    unit_of_work: UnitOfWorkFactory,
    password_hasher: FakePasswordHasher,
    login_throttle: LoginThrottle,
) -> ChangePassword:
    return ChangePassword(unit_of_work, password_hasher, login_throttle)


@pytest.fixture
def authenticate(unit_of_work: UnitOfWorkFactory, token_service: TokenService) -> Authenticate:
    return Authenticate(unit_of_work, token_service)


@pytest.fixture
async def ada(register_user: RegisterUser) -> User:
    """A registered user."""
    return await register_user.execute(email="ada@example.com", password=PASSWORD)
