"""Processes with different clocks: the database's clock decides what is old."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import punq
import pytest
from sqlalchemy import func, insert, select, text

from src.domain import session as session_module
from src.domain.errors import AuthenticationError
from src.domain.session import Session
from src.domain.user import User
from src.repositories.outbox.tables import ProcessedMessageRow
from src.repositories.postgres.engine import Database
from src.repositories.sessions import SessionRow
from src.usecases.accounts.refresh_session import RefreshSession
from src.usecases.accounts.session_tokens import SessionTokens
from src.usecases.operations.purge_expired import PurgeExpired
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from tests.support.clocks import move_clock
from tests.support.users import new_session

DAY = timedelta(days=1)
AHEAD = timedelta(days=22)
EXPIRE = text(
    "UPDATE sessions SET idle_expires_at = now() - CAST(:age AS interval)"
    " WHERE id = :id RETURNING id"
)

pytestmark = pytest.mark.usefixtures("empty_tables")


async def save_session(container: punq.Container, user: User, expired_for: timedelta) -> UUID:
    """Save a session that expired this long ago by the database's clock."""
    session = new_session(user.id)
    async with container.resolve(UnitOfWorkFactory)() as uow:
        await uow.sessions.create_session(session)
        await uow.commit()
    await container.resolve(Database).fetch(EXPIRE, {"id": session.id, "age": expired_for})
    return session.id


async def save_message(database: Database, handled_for: timedelta) -> UUID:
    """Save an inbox row of a message that was handled this long ago by the database's clock."""
    message_id = uuid4()
    row = {"message_id": message_id, "processed_at": func.now() - handled_for}
    statement = insert(ProcessedMessageRow).values(row).returning(ProcessedMessageRow.message_id)
    await database.fetch(statement)
    return message_id


async def remaining(database: Database) -> set[UUID]:
    """Return the ids of all sessions and inbox rows."""
    rows = [
        *await database.fetch(select(SessionRow.id)),
        *await database.fetch(select(ProcessedMessageRow.message_id)),
    ]
    return {row[0] for row in rows}


@pytest.mark.parametrize("moved", [AHEAD, -AHEAD], ids=["22 days ahead", "22 days behind"])
async def test_a_worker_with_a_wrong_clock_deletes_only_what_is_old_by_the_databases_clock(
    container: punq.Container, user: User, monkeypatch: pytest.MonkeyPatch, moved: timedelta
) -> None:
    database = container.resolve(Database)
    kept = {await save_session(container, user, age) for age in (-14 * DAY, 6 * DAY)}
    kept |= {await save_message(database, age) for age in (0 * DAY, 6 * DAY)}
    await save_session(container, user, 8 * DAY)
    await save_message(database, 8 * DAY)
    move_clock(monkeypatch, moved)

    while await container.resolve(PurgeExpired).execute():
        pass

    assert await remaining(database) == kept


async def test_an_honest_repeated_refresh_at_an_api_with_another_clock_is_no_theft(
    container: punq.Container, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The grace and the difference of the clocks are long, because a busy machine is slow.
    monkeypatch.setattr(session_module, "REFRESH_GRACE", timedelta(hours=1))
    refresh: RefreshSession = container.resolve(RefreshSession)
    first = container.resolve(SessionTokens).issue(session, datetime.now(UTC)).refresh_token
    second = await refresh.execute(refresh_token=first)
    for hours in (2, -2):
        move_clock(monkeypatch, timedelta(hours=hours))
        repeated = await refresh.execute(refresh_token=first)
        assert repeated.refresh_token == second.refresh_token


async def test_an_api_whose_clock_is_ahead_ends_no_session_as_idle(
    container: punq.Container, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = container.resolve(Database)
    refresh: RefreshSession = container.resolve(RefreshSession)
    tokens = container.resolve(SessionTokens).issue(session, datetime.now(UTC))
    move_clock(monkeypatch, AHEAD)
    tokens = await refresh.execute(refresh_token=tokens.refresh_token)
    [[left]] = await database.fetch(
        text("SELECT idle_expires_at - now() FROM sessions WHERE id = :id"), {"id": session.id}
    )
    assert 13 * DAY < left <= 14 * DAY


async def test_an_api_whose_clock_is_behind_refuses_an_idle_session(
    container: punq.Container, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = container.resolve(SessionTokens).issue(session, datetime.now(UTC))
    await container.resolve(Database).fetch(EXPIRE, {"id": session.id, "age": DAY})
    move_clock(monkeypatch, -AHEAD)
    with pytest.raises(AuthenticationError):
        await container.resolve(RefreshSession).execute(refresh_token=tokens.refresh_token)


async def test_what_a_unit_of_work_loads_for_update_has_the_databases_time(
    unit_of_work: UnitOfWorkFactory, session: Session, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = datetime.now(UTC)
    move_clock(monkeypatch, AHEAD)
    async with unit_of_work() as uow:
        assert uow.now - right > AHEAD - DAY
        await uow.sessions.load_session_for_update(session.id)
        assert abs(uow.now - right) < DAY
    async with unit_of_work() as uow:
        await uow.users.load_user_for_update(user.id)
        assert abs(uow.now - right) < DAY
