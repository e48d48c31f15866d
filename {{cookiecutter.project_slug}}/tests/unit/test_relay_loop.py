"""The worker's loop around the relay, with a relay and a listener that are told what to do."""

import asyncio
from typing import cast

import pytest

from src.repositories.db import notify
from src.repositories.db.notify import OutboxListener
from src.repositories.rabbitmq.relay import OutboxRelay
from src.usecases.ports.publishing import BrokerUnavailableError
from src.usecases.relay_outbox import RelayOutbox

POLL_SECONDS = 3600


class Relay:
    """Fails, or finds nothing to relay."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.runs = 0

    async def execute(self) -> int:
        self.runs += 1
        if self.error:
            raise self.error
        return 0


class RestlessListener:
    """Hears a notification all the time."""

    async def wait(self, seconds: float) -> None:
        assert seconds == POLL_SECONDS
        await asyncio.sleep(0)


async def run(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "POLL_SECONDS", POLL_SECONDS)
    stop = asyncio.Event()
    listener = cast("OutboxListener", RestlessListener())
    task = asyncio.create_task(OutboxRelay(cast("RelayOutbox", relay), listener).run(stop))
    for _ in range(20):
        await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(task, 5)


async def test_every_notification_has_the_outbox_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    relay = Relay()
    await run(relay, monkeypatch)
    assert relay.runs > 1


async def test_a_broker_that_is_away_is_not_tried_again_for_every_notification(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    relay = Relay(BrokerUnavailableError("it is away"))
    await run(relay, monkeypatch)
    assert relay.runs == 1
