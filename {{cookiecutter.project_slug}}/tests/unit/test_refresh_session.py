import asyncio
from uuid import UUID, uuid4

import pytest
from structlog.typing import EventDict

from src.domain.errors import AuthenticationError
from src.domain.events import SessionReuseDetected
from src.domain.session import Session
from src.domain.user import User
from src.usecases.log_in import LogIn
from src.usecases.log_out import LogOut
from src.usecases.ports.security import TokenPair
from src.usecases.refresh_session import RefreshSession
from src.utils.tokens import SignedTokens
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase
from tests.unit.conftest import HOME, PASSWORD


@pytest.fixture
async def first(log_in: LogIn, ada: User) -> TokenPair:
    """The tokens of a login."""
    return await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)


@pytest.fixture
def session_id(first: TokenPair, tokens: SignedTokens) -> UUID:
    return tokens.read_refresh_token(first.refresh_token).session_id


async def test_a_refresh_token_is_exchanged_for_the_next_pair(
    refresh_session: RefreshSession, tokens: SignedTokens, first: TokenPair, session_id: UUID
) -> None:
    second = await refresh_session.execute(refresh_token=first.refresh_token)

    assert tokens.read_refresh_token(second.refresh_token) == (session_id, 2)
    assert tokens.read_access_token(second.access_token).session_id == session_id


async def test_a_session_goes_on_for_as_long_as_it_is_refreshed(
    refresh_session: RefreshSession,
    tokens: SignedTokens,
    clock: MovableClock,
    first: TokenPair,
) -> None:
    pair = first
    for _ in range(8):
        clock.advance(days=10)
        pair = await refresh_session.execute(refresh_token=pair.refresh_token)

    assert tokens.read_refresh_token(pair.refresh_token).generation == 9


async def test_a_repeated_refresh_gets_the_same_successor_again(
    refresh_session: RefreshSession,
    store: InMemoryDatabase,
    clock: MovableClock,
    first: TokenPair,
    session_id: UUID,
) -> None:
    second = await refresh_session.execute(refresh_token=first.refresh_token)
    clock.advance(seconds=10)

    repeated = await refresh_session.execute(refresh_token=first.refresh_token)

    assert repeated.refresh_token == second.refresh_token
    assert store.rows.sessions[session_id].generation == 2


async def test_many_refreshes_at_once_get_one_successor(
    refresh_session: RefreshSession, first: TokenPair, store: InMemoryDatabase, session_id: UUID
) -> None:
    pairs = await asyncio.gather(
        *(refresh_session.execute(refresh_token=first.refresh_token) for _ in range(5))
    )

    assert len({pair.refresh_token for pair in pairs}) == 1
    assert store.rows.sessions[session_id].generation == 2


async def test_an_older_refresh_token_revokes_the_session(
    refresh_session: RefreshSession,
    store: InMemoryDatabase,
    log_lines: list[EventDict],
    first: TokenPair,
    session_id: UUID,
) -> None:
    second = await refresh_session.execute(refresh_token=first.refresh_token)
    third = await refresh_session.execute(refresh_token=second.refresh_token)

    for token in (first, second, third):
        with pytest.raises(AuthenticationError):
            await refresh_session.execute(refresh_token=token.refresh_token)

    session = store.rows.sessions[session_id]
    assert session.revoked_at == refresh_session.unit_of_work().now
    reuses = [event for event in store.rows.events if isinstance(event, SessionReuseDetected)]
    assert [event.aggregate_id for event in reuses] == [session_id]
    told = [line for line in log_lines if line["event"] == "refresh_token_reused"]
    assert [line["user_id"] for line in told] == [session.user_id]
    assert first.refresh_token not in repr(log_lines)


async def test_the_previous_refresh_token_after_the_grace_revokes_the_session(
    refresh_session: RefreshSession,
    store: InMemoryDatabase,
    clock: MovableClock,
    first: TokenPair,
    session_id: UUID,
) -> None:
    await refresh_session.execute(refresh_token=first.refresh_token)
    clock.advance(seconds=10.001)

    with pytest.raises(AuthenticationError):
        await refresh_session.execute(refresh_token=first.refresh_token)

    assert store.rows.sessions[session_id].revoked_at == clock.now


@pytest.mark.parametrize("days", [14, 365])
async def test_a_session_that_was_idle_for_too_long_is_refused_but_not_revoked(
    refresh_session: RefreshSession,
    store: InMemoryDatabase,
    clock: MovableClock,
    first: TokenPair,
    days: int,
) -> None:
    clock.advance(days=days)

    with pytest.raises(AuthenticationError):
        await refresh_session.execute(refresh_token=first.refresh_token)

    [session] = store.rows.sessions.values()
    assert session.revoked_at is None


async def test_a_session_that_was_logged_out_is_refused(
    refresh_session: RefreshSession, log_out: LogOut, first: TokenPair, session_id: UUID
) -> None:
    await log_out.execute(session_id=session_id)

    with pytest.raises(AuthenticationError):
        await refresh_session.execute(refresh_token=first.refresh_token)


async def test_a_genuine_token_of_a_session_that_is_not_kept_is_refused(
    refresh_session: RefreshSession, tokens: SignedTokens, clock: MovableClock
) -> None:
    forgotten = Session.start(uuid4(), tokens.lifetime, clock())

    with pytest.raises(AuthenticationError):
        await refresh_session.execute(refresh_token=tokens.issue(forgotten, clock()).refresh_token)


@pytest.mark.parametrize("token", ["", "nonsense", "ä"])
async def test_what_is_no_refresh_token_is_refused(
    refresh_session: RefreshSession, token: str
) -> None:
    with pytest.raises(AuthenticationError):
        await refresh_session.execute(refresh_token=token)


async def test_the_session_of_a_deactivated_user_is_refused(
    refresh_session: RefreshSession, store: InMemoryDatabase, first: TokenPair, ada: User
) -> None:
    store.rows.users[ada.id].is_active = False

    with pytest.raises(AuthenticationError):
        await refresh_session.execute(refresh_token=first.refresh_token)
