from datetime import timedelta
from uuid import uuid4

import pytest
from structlog.typing import EventDict

from src.domain.session import Session, SessionLifetime
from src.usecases.keep_house import KeepHouse
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase
from tests.fakes.message_records import InMemoryMessageRecords


@pytest.fixture
def records() -> InMemoryMessageRecords:
    return InMemoryMessageRecords()


@pytest.fixture
def keep_house(records: InMemoryMessageRecords, unit_of_work: UnitOfWorkFactory) -> KeepHouse:
    return KeepHouse(records, unit_of_work)


async def test_messages_are_forgotten_a_week_after_they_were_handled(
    keep_house: KeepHouse, records: InMemoryMessageRecords, clock: MovableClock
) -> None:
    within, beyond = timedelta(days=7), timedelta(days=7, microseconds=1)
    records.processed_at = [clock.now - beyond, clock.now - within, clock.now]

    await keep_house.execute()

    assert records.processed_at == [clock.now - within, clock.now]


async def test_it_tells_whether_there_may_be_more_to_forget(
    keep_house: KeepHouse, records: InMemoryMessageRecords, clock: MovableClock
) -> None:
    records.processed_at = [clock.now - timedelta(days=8)] * 3
    records.batch = 2

    assert [await keep_house.execute() for _ in range(3)] == [True, True, False]
    assert records.processed_at == []


@pytest.mark.parametrize(
    ("waiting", "told"),
    [([], []), ([5, 60], []), ([5, 90.5], [90])],
    ids=["nothing waits", "for a minute", "for longer"],
)
async def test_it_is_told_when_an_event_waits_for_longer_than_a_minute(
    keep_house: KeepHouse,
    records: InMemoryMessageRecords,
    log_lines: list[EventDict],
    waiting: list[float],
    told: list[int],
) -> None:
    now = keep_house.unit_of_work().now
    records.waiting_since = [now - timedelta(seconds=seconds) for seconds in waiting]

    await keep_house.execute()

    warnings = [line for line in log_lines if line["event"] == "outbox_behind"]
    assert [line["oldest_seconds"] for line in warnings] == told


async def test_sessions_are_forgotten_a_week_after_they_expired(
    keep_house: KeepHouse, store: InMemoryDatabase, clock: MovableClock, log_lines: list[EventDict]
) -> None:
    day = SessionLifetime(idle=timedelta(days=1), absolute=timedelta(days=1))
    ages = [timedelta(days=8, microseconds=1), timedelta(days=8), timedelta(0)]
    sessions = [Session.start(uuid4(), day, clock.now - age) for age in ages]
    store.rows.sessions = {session.id: session for session in sessions}

    assert await keep_house.execute()

    assert [*store.rows.sessions.values()] == sessions[1:]
    told = {"event": "house_kept", "sessions": 1, "messages": 0, "log_level": "info"}
    assert told in log_lines
    assert not await keep_house.execute()
