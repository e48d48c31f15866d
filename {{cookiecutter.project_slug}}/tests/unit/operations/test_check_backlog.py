from dataclasses import dataclass
from datetime import timedelta

import pytest
from structlog.typing import EventDict

from src.usecases.operations.check_backlog import CheckBacklog
from src.usecases.ports.messaging import OutboxBacklog, WaitingEvent


@dataclass(frozen=True)
class FakeBacklog(OutboxBacklog):
    """An empty backlog, or one with an event that has waited for some seconds."""

    seconds: float | None

    async def longest_wait(self) -> timedelta | None:
        return None if self.seconds is None else timedelta(seconds=self.seconds)

    async def read(self, limit: int) -> list[WaitingEvent]:
        raise NotImplementedError


@pytest.mark.parametrize("seconds", [None, 5])
async def test_a_short_backlog_is_not_logged(
    log_lines: list[EventDict], seconds: float | None
) -> None:
    await CheckBacklog(FakeBacklog(seconds)).execute()

    assert log_lines == []


async def test_an_event_that_waits_for_longer_than_a_minute_is_logged(
    log_lines: list[EventDict],
) -> None:
    await CheckBacklog(FakeBacklog(90)).execute()

    [line] = log_lines
    assert (line["event"], line["log_level"]) == ("outbox_behind", "warning")
    assert line["oldest_seconds"] == 90
