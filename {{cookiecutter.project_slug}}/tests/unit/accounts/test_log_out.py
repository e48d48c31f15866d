from uuid import uuid4

import pytest
from structlog.typing import EventDict

from src.domain.errors import AuthenticationError
from src.domain.session import Session
from src.domain.user import User
from src.usecases.accounts.authenticate import Authenticate
from src.usecases.accounts.log_in import LogIn
from src.usecases.accounts.log_out import LogOut
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase
from tests.unit.accounts.conftest import HOME, PASSWORD


async def test_logging_out_ends_this_session_and_no_other(
    log_out: LogOut, log_in: LogIn, authenticate: Authenticate, ada: User
) -> None:
    ended, other = [
        await log_in.execute(email=ada.email, password=PASSWORD, address=HOME) for _ in range(2)
    ]
    session_id = (await authenticate.execute(ended.access_token)).session_id

    await log_out.execute(session_id=session_id)

    with pytest.raises(AuthenticationError):
        await authenticate.execute(ended.access_token)
    assert (await authenticate.execute(other.access_token)).user.id == ada.id


async def test_logging_out_twice_keeps_the_first_time(
    log_out: LogOut, log_in: LogIn, store: InMemoryDatabase, clock: MovableClock, ada: User
) -> None:
    await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)
    [session] = store.all(Session)
    first = clock.now
    await log_out.execute(session_id=session.id)
    clock.advance(minutes=1)

    await log_out.execute(session_id=session.id)

    [ended] = store.all(Session)
    assert ended.revoked_at == first


async def test_logging_out_of_a_session_that_does_not_exist_is_no_error(
    log_out: LogOut, store: InMemoryDatabase
) -> None:
    await log_out.execute(session_id=uuid4())

    assert store.all(Session) == []


async def test_a_logout_is_logged_with_the_user_id(
    log_out: LogOut,
    log_in: LogIn,
    authenticate: Authenticate,
    ada: User,
    log_lines: list[EventDict],
) -> None:
    pair = await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)
    principal = await authenticate.execute(pair.access_token)

    await log_out.execute(session_id=principal.session_id)

    assert log_lines[-1] == {"event": "logged_out", "user_id": ada.id, "log_level": "info"}
