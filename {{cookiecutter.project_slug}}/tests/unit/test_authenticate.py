from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from src.domain.errors import AuthenticationError
from src.domain.session import Session
from src.domain.user import User
from src.usecases.authenticate import Authenticate
from src.usecases.log_in import LogIn
from src.utils.tokens import SignedTokens
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase
from tests.unit.conftest import HOME, PASSWORD


@pytest.fixture
async def access_token(log_in: LogIn, ada: User) -> str:
    return (await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)).access_token


async def test_an_access_token_speaks_for_its_user_in_its_session(
    authenticate: Authenticate, store: InMemoryDatabase, ada: User, access_token: str
) -> None:
    principal = await authenticate.execute(access_token)

    assert (principal.user.id, principal.user.email) == (ada.id, ada.email)
    assert [principal.session_id] == [*store.rows.sessions]


async def test_a_principal_carries_no_password_hash(
    authenticate: Authenticate, ada: User, access_token: str
) -> None:
    assert ada.password_hash not in repr(await authenticate.execute(access_token))


@pytest.mark.parametrize("token", [None, "", "nonsense", "a.b.c"])
async def test_what_is_no_access_token_is_refused(
    authenticate: Authenticate, token: str | None
) -> None:
    with pytest.raises(AuthenticationError):
        await authenticate.execute(token)


async def test_an_access_token_is_refused_once_it_has_expired(
    authenticate: Authenticate, store: InMemoryDatabase, tokens: SignedTokens, access_token: str
) -> None:
    [session] = store.rows.sessions.values()
    expired = tokens.issue(session, session.rotated_at - timedelta(seconds=630)).access_token

    with pytest.raises(AuthenticationError):
        await authenticate.execute(expired)

    assert await authenticate.execute(access_token)


async def test_a_revoked_session_is_refused(
    authenticate: Authenticate,
    store: InMemoryDatabase,
    clock: MovableClock,
    ada: User,
    access_token: str,
) -> None:
    [session] = store.rows.sessions.values()
    session.revoke(clock.now)

    with pytest.raises(AuthenticationError):
        await authenticate.execute(access_token)


async def test_an_inactive_user_is_refused(
    authenticate: Authenticate, store: InMemoryDatabase, ada: User, access_token: str
) -> None:
    store.rows.users[ada.id].is_active = False

    with pytest.raises(AuthenticationError):
        await authenticate.execute(access_token)


async def test_a_session_is_refused_from_the_moment_its_life_ends(
    authenticate: Authenticate, clock: MovableClock, access_token: str
) -> None:
    clock.advance(days=90, microseconds=-1)
    await authenticate.execute(access_token)
    clock.advance(microseconds=1)

    with pytest.raises(AuthenticationError):
        await authenticate.execute(access_token)


async def test_a_genuine_token_of_a_session_that_is_not_kept_is_refused(
    authenticate: Authenticate, tokens: SignedTokens, clock: MovableClock, ada: User
) -> None:
    forgotten = Session.start(ada.id, tokens.lifetime, clock())

    with pytest.raises(AuthenticationError):
        await authenticate.execute(tokens.issue(forgotten, clock()).access_token)


async def test_a_session_speaks_for_its_own_user_only(
    authenticate: Authenticate,
    store: InMemoryDatabase,
    tokens: SignedTokens,
    clock: MovableClock,
    access_token: str,
) -> None:
    [session] = store.rows.sessions.values()
    for_another = replace(session, user_id=uuid4())

    with pytest.raises(AuthenticationError):
        await authenticate.execute(tokens.issue(for_another, clock()).access_token)
