from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from src.domain.errors import AuthenticationError
from src.domain.session import Session
from src.domain.user import User
from src.usecases.accounts.authenticate import Authenticate
from src.usecases.accounts.log_in import LogIn
from src.usecases.accounts.session_tokens import SessionTokens
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase
from tests.unit.accounts.conftest import HOME, PASSWORD


@pytest.fixture
async def access_token(log_in: LogIn, ada: User) -> str:
    return (await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)).access_token


@pytest.fixture
def session(store: InMemoryDatabase, access_token: str) -> Session:
    """The session of the access token."""
    [session] = store.all(Session)
    return session


async def test_an_access_token_authenticates_its_user_in_its_session(
    authenticate: Authenticate, session: Session, ada: User, access_token: str
) -> None:
    principal = await authenticate.execute(access_token)

    assert (principal.user.id, principal.user.email) == (ada.id, ada.email)
    assert principal.session_id == session.id


async def test_a_principal_contains_no_password_hash(
    authenticate: Authenticate, ada: User, access_token: str
) -> None:
    assert ada.password_hash not in repr(await authenticate.execute(access_token))


@pytest.mark.parametrize("token", [None, "", "nonsense", "a.b.c"])
async def test_a_malformed_access_token_is_refused(
    authenticate: Authenticate, token: str | None
) -> None:
    with pytest.raises(AuthenticationError):
        await authenticate.execute(token)


async def test_an_expired_access_token_is_refused(
    authenticate: Authenticate,
    session_tokens: SessionTokens,
    session: Session,
    access_token: str,
) -> None:
    earlier = session.rotated_at - timedelta(seconds=630)
    expired = session_tokens.issue(session, earlier).access_token

    with pytest.raises(AuthenticationError):
        await authenticate.execute(expired)

    assert await authenticate.execute(access_token)


async def test_the_access_token_of_a_revoked_session_is_refused(
    authenticate: Authenticate,
    store: InMemoryDatabase,
    clock: MovableClock,
    session: Session,
    access_token: str,
) -> None:
    session.revoke(clock.now)
    store.put(session.id, session)

    with pytest.raises(AuthenticationError):
        await authenticate.execute(access_token)


async def test_the_access_token_of_an_inactive_user_is_refused(
    authenticate: Authenticate, store: InMemoryDatabase, ada: User, access_token: str
) -> None:
    store.put(ada.id, replace(ada, is_active=False))

    with pytest.raises(AuthenticationError):
        await authenticate.execute(access_token)


async def test_an_access_token_is_refused_from_the_absolute_expiry_of_its_session_on(
    authenticate: Authenticate, clock: MovableClock, access_token: str
) -> None:
    clock.advance(days=90, microseconds=-1)
    await authenticate.execute(access_token)
    clock.advance(microseconds=1)

    with pytest.raises(AuthenticationError):
        await authenticate.execute(access_token)


async def test_a_genuine_access_token_of_a_session_that_does_not_exist_is_refused(
    authenticate: Authenticate, session_tokens: SessionTokens, clock: MovableClock, ada: User
) -> None:
    unsaved = Session.start(ada.id, session_tokens.lifetime, clock.now)

    with pytest.raises(AuthenticationError):
        await authenticate.execute(session_tokens.issue(unsaved, clock.now).access_token)


async def test_an_access_token_with_a_session_of_another_user_is_refused(
    authenticate: Authenticate,
    session_tokens: SessionTokens,
    clock: MovableClock,
    session: Session,
) -> None:
    of_another_user = replace(session, user_id=uuid4())

    with pytest.raises(AuthenticationError):
        await authenticate.execute(session_tokens.issue(of_another_user, clock.now).access_token)
