import pytest
from structlog.typing import EventDict

from src.domain.errors import AuthenticationError
from src.domain.user import User
from src.usecases.accounts.authenticate import Authenticate
from src.usecases.accounts.deactivate_user import DeactivateUser
from src.usecases.accounts.log_in import LogIn
from src.usecases.accounts.refresh_session import RefreshSession
from src.usecases.errors import NotFoundDatabaseError, UnavailableError
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from tests.fakes.cache import InMemoryCache
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase
from tests.unit.accounts.conftest import HOME, PASSWORD


class UnreachableCache(InMemoryCache):
    """A cache without its server."""

    async def check(self) -> None:
        raise UnavailableError("no answer")


@pytest.fixture
def deactivate(unit_of_work: UnitOfWorkFactory) -> DeactivateUser:
    return DeactivateUser(unit_of_work, InMemoryCache())


async def test_a_closed_account_has_no_live_session_and_accepts_no_login(
    deactivate: DeactivateUser,
    log_in: LogIn,
    authenticate: Authenticate,
    refresh_session: RefreshSession,
    ada: User,
) -> None:
    pair = await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)

    await deactivate.execute(email=" ADA@example.com")

    with pytest.raises(AuthenticationError):
        await authenticate.execute(pair.access_token)
    with pytest.raises(AuthenticationError):
        await refresh_session.execute(refresh_token=pair.refresh_token)
    with pytest.raises(AuthenticationError):
        await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)


async def test_sessions_stay_ended_when_the_account_is_opened_again(
    deactivate: DeactivateUser,
    log_in: LogIn,
    authenticate: Authenticate,
    store: InMemoryDatabase,
    ada: User,
) -> None:
    pair = await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)
    await deactivate.execute(email=ada.email)

    store.put(ada.id, ada)  # active, as before

    with pytest.raises(AuthenticationError):
        await authenticate.execute(pair.access_token)


async def test_closing_an_account_twice_keeps_the_first_time(
    deactivate: DeactivateUser, store: InMemoryDatabase, clock: MovableClock, ada: User
) -> None:
    first = clock.now
    await deactivate.execute(email=ada.email)
    clock.advance(hours=1)

    await deactivate.execute(email=ada.email)

    [closed] = store.all(User)
    assert (closed.updated_at, closed.version) == (first, 2)


async def test_closing_an_account_that_does_not_exist_is_an_error(
    deactivate: DeactivateUser,
) -> None:
    with pytest.raises(NotFoundDatabaseError):
        await deactivate.execute(email="unknown@example.com")


async def test_an_unreachable_cache_is_reported_after_the_account_is_closed(
    unit_of_work: UnitOfWorkFactory, store: InMemoryDatabase, ada: User
) -> None:
    deactivate = DeactivateUser(unit_of_work, UnreachableCache())

    with pytest.raises(UnavailableError, match="The account is closed, but"):
        await deactivate.execute(email=ada.email)

    [closed] = store.all(User)
    assert not closed.is_active


async def test_a_deactivation_is_logged_with_the_user_id_and_without_the_address(
    deactivate: DeactivateUser, ada: User, log_lines: list[EventDict]
) -> None:
    await deactivate.execute(email=ada.email)

    assert {"event": "user_deactivated", "user_id": ada.id, "log_level": "info"} in log_lines
    assert ada.email not in repr(log_lines)
