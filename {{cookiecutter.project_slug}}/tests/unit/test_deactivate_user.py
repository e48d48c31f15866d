import pytest
from structlog.typing import EventDict

from src.domain.errors import AuthenticationError
from src.domain.user import User
from src.usecases.authenticate import Authenticate
from src.usecases.deactivate_user import DeactivateUser
from src.usecases.log_in import LogIn
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from src.usecases.ports.users import NotFoundDatabaseError
from src.usecases.refresh_session import RefreshSession
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase
from tests.unit.conftest import HOME, PASSWORD


@pytest.fixture
def deactivate(unit_of_work: UnitOfWorkFactory) -> DeactivateUser:
    return DeactivateUser(unit_of_work)


async def test_a_closed_account_has_no_sessions_and_gets_none(
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


async def test_sessions_stay_ended_if_the_account_is_opened_again(
    deactivate: DeactivateUser,
    log_in: LogIn,
    authenticate: Authenticate,
    store: InMemoryDatabase,
    ada: User,
) -> None:
    pair = await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)
    await deactivate.execute(email=ada.email)

    store.rows.users[ada.id].is_active = True

    with pytest.raises(AuthenticationError):
        await authenticate.execute(pair.access_token)


async def test_closing_an_account_twice_changes_nothing(
    deactivate: DeactivateUser, store: InMemoryDatabase, clock: MovableClock, ada: User
) -> None:
    await deactivate.execute(email=ada.email)
    once = store.rows.users[ada.id]
    clock.advance(hours=1)

    await deactivate.execute(email=ada.email)

    assert store.rows.users[ada.id].updated_at == once.updated_at
    assert store.rows.users[ada.id].version == 2


async def test_an_account_that_is_not_there_cannot_be_closed(deactivate: DeactivateUser) -> None:
    with pytest.raises(NotFoundDatabaseError):
        await deactivate.execute(email="nobody@example.com")


async def test_the_logs_tell_who_was_deactivated(
    deactivate: DeactivateUser, ada: User, log_lines: list[EventDict]
) -> None:
    await deactivate.execute(email=ada.email)

    assert {"event": "user_deactivated", "user_id": ada.id, "log_level": "info"} in log_lines
    assert ada.email not in repr(log_lines)
