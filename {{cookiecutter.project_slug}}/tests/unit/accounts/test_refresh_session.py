import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from structlog.typing import EventDict

from src.domain.errors import AuthenticationError
from src.domain.session import Session, SessionReuseDetected
from src.domain.user import User
from src.usecases.accounts.log_in import LogIn
from src.usecases.accounts.log_out import LogOut
from src.usecases.accounts.refresh_session import RefreshSession
from src.usecases.accounts.session_tokens import SessionTokens
from src.usecases.ports.token_service import TokenPair, TokenService
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase
from tests.unit.accounts.conftest import HOME, PASSWORD


@pytest.fixture
async def first(log_in: LogIn, ada: User) -> TokenPair:
    """The tokens of a login."""
    return await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)


def only_session(store: InMemoryDatabase) -> Session:
    """Return the session of the login, as it is stored."""
    [session] = store.all(Session)
    return session


async def test_a_refresh_returns_tokens_of_the_next_generation(
    refresh_session: RefreshSession,
    token_service: TokenService,
    store: InMemoryDatabase,
    first: TokenPair,
) -> None:
    second = await refresh_session.execute(refresh_token=first.refresh_token)

    session_id = only_session(store).id
    assert token_service.read_refresh_token(second.refresh_token) == (session_id, 2)
    assert token_service.read_access_token(second.access_token).session_id == session_id


async def test_regular_refreshes_extend_a_session_beyond_its_first_idle_expiry(
    refresh_session: RefreshSession,
    token_service: TokenService,
    clock: MovableClock,
    first: TokenPair,
) -> None:
    pair = first
    for _ in range(8):
        clock.advance(days=10)
        pair = await refresh_session.execute(refresh_token=pair.refresh_token)

    assert token_service.read_refresh_token(pair.refresh_token).generation == 9


async def test_a_repeated_refresh_returns_the_same_refresh_token_again(
    refresh_session: RefreshSession,
    store: InMemoryDatabase,
    clock: MovableClock,
    first: TokenPair,
) -> None:
    second = await refresh_session.execute(refresh_token=first.refresh_token)
    clock.advance(seconds=10)

    repeated = await refresh_session.execute(refresh_token=first.refresh_token)

    assert repeated.refresh_token == second.refresh_token
    assert only_session(store).generation == 2


async def test_concurrent_refreshes_return_one_refresh_token(
    refresh_session: RefreshSession, first: TokenPair, store: InMemoryDatabase
) -> None:
    pairs = await asyncio.gather(
        *(refresh_session.execute(refresh_token=first.refresh_token) for _ in range(5))
    )

    assert len({pair.refresh_token for pair in pairs}) == 1
    assert only_session(store).generation == 2


async def test_an_older_refresh_token_revokes_the_session_records_an_event_and_is_logged(
    refresh_session: RefreshSession,
    store: InMemoryDatabase,
    clock: MovableClock,
    log_lines: list[EventDict],
    first: TokenPair,
) -> None:
    second = await refresh_session.execute(refresh_token=first.refresh_token)
    third = await refresh_session.execute(refresh_token=second.refresh_token)

    for token in (first, second, third):
        with pytest.raises(AuthenticationError):
            await refresh_session.execute(refresh_token=token.refresh_token)

    session = only_session(store)
    assert session.revoked_at == clock.now
    reuses = [it for it in store.events if isinstance(it.event, SessionReuseDetected)]
    assert [recorded.aggregate_id for recorded in reuses] == [session.id]
    warnings = [line for line in log_lines if line["event"] == "refresh_token_reused"]
    assert [line["user_id"] for line in warnings] == [session.user_id]
    assert first.refresh_token not in repr(log_lines)


async def test_the_previous_refresh_token_revokes_the_session_after_the_grace_period(
    refresh_session: RefreshSession,
    store: InMemoryDatabase,
    clock: MovableClock,
    first: TokenPair,
) -> None:
    await refresh_session.execute(refresh_token=first.refresh_token)
    clock.advance(seconds=10.001)

    with pytest.raises(AuthenticationError):
        await refresh_session.execute(refresh_token=first.refresh_token)

    assert only_session(store).revoked_at == clock.now


@pytest.mark.parametrize("days", [14, 365])
async def test_a_session_past_its_idle_expiry_is_refused_but_not_revoked(
    refresh_session: RefreshSession,
    store: InMemoryDatabase,
    clock: MovableClock,
    first: TokenPair,
    days: int,
) -> None:
    clock.advance(days=days)

    with pytest.raises(AuthenticationError):
        await refresh_session.execute(refresh_token=first.refresh_token)

    assert only_session(store).revoked_at is None


async def test_a_refresh_after_the_logout_is_refused(
    refresh_session: RefreshSession, log_out: LogOut, store: InMemoryDatabase, first: TokenPair
) -> None:
    await log_out.execute(session_id=only_session(store).id)

    with pytest.raises(AuthenticationError):
        await refresh_session.execute(refresh_token=first.refresh_token)


async def test_a_genuine_refresh_token_of_a_session_that_does_not_exist_is_refused(
    refresh_session: RefreshSession, session_tokens: SessionTokens, clock: MovableClock
) -> None:
    unsaved = Session.start(uuid4(), session_tokens.lifetime, clock.now)
    pair = session_tokens.issue(unsaved, clock.now)

    with pytest.raises(AuthenticationError):
        await refresh_session.execute(refresh_token=pair.refresh_token)


@pytest.mark.parametrize("token", ["", "nonsense", "ä"])
async def test_a_malformed_refresh_token_is_refused(
    refresh_session: RefreshSession, token: str
) -> None:
    with pytest.raises(AuthenticationError):
        await refresh_session.execute(refresh_token=token)


async def test_a_refresh_by_an_inactive_user_is_refused(
    refresh_session: RefreshSession, store: InMemoryDatabase, first: TokenPair, ada: User
) -> None:
    store.put(ada.id, replace(ada, is_active=False))

    with pytest.raises(AuthenticationError):
        await refresh_session.execute(refresh_token=first.refresh_token)
