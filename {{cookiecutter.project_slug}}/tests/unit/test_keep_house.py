from datetime import timedelta

import pytest
from structlog.typing import EventDict

from src.usecases.keep_house import KeepHouse
from tests.fakes.clock import MovableClock
from tests.fakes.message_records import InMemoryMessageRecords


@pytest.fixture
def records() -> InMemoryMessageRecords:
    return InMemoryMessageRecords()


@pytest.fixture
def keep_house(records: InMemoryMessageRecords, clock: MovableClock) -> KeepHouse:
    return KeepHouse(records, clock)


async def test_messages_are_forgotten_a_week_after_they_were_handled(
    keep_house: KeepHouse, records: InMemoryMessageRecords, clock: MovableClock
) -> None:
    within, beyond = timedelta(days=7), timedelta(days=7, microseconds=1)
    records.processed_at = [clock.now - beyond, clock.now - within, clock.now]

    await keep_house.execute()

    assert records.processed_at == [clock.now - within, clock.now]


@pytest.mark.parametrize(
    ("waiting", "told"),
    [([], []), ([5, 60], []), ([5, 90.5], [90])],
    ids=["nothing waits", "for a minute", "for longer"],
)
async def test_it_is_told_when_an_event_waits_for_longer_than_a_minute(
    clock: MovableClock, log_lines: list[EventDict], waiting: list[float], told: list[int]
) -> None:
    since = [clock.now - timedelta(seconds=seconds) for seconds in waiting]

    await KeepHouse(InMemoryMessageRecords(waiting_since=since), clock).execute()

    warnings = [line for line in log_lines if line["event"] == "outbox_behind"]
    assert [line["oldest_seconds"] for line in warnings] == told
