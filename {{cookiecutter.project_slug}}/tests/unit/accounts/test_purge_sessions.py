from datetime import timedelta
from uuid import uuid4

import pytest

from src.domain.session import Session, SessionLifetime
from src.usecases.accounts.purge_sessions import PurgeSessions
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase


@pytest.fixture
def purge_sessions(unit_of_work: UnitOfWorkFactory) -> PurgeSessions:
    return PurgeSessions(unit_of_work)


async def test_sessions_are_deleted_a_week_after_their_expiry(
    purge_sessions: PurgeSessions, store: InMemoryDatabase, clock: MovableClock
) -> None:
    day = SessionLifetime(idle=timedelta(days=1), absolute=timedelta(days=1))
    ages = [timedelta(days=8, microseconds=1), timedelta(days=8), timedelta(0)]
    sessions = [Session.start(uuid4(), day, clock.now - age) for age in ages]
    for session in sessions:
        store.put(session.id, session)

    assert await purge_sessions.purge(clock.now) == 1

    assert [session.id for session in store.all(Session)] == [it.id for it in sessions[1:]]
    assert await purge_sessions.purge(clock.now) == 0
