"""The relay: a loop around `RelayOutbox`."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import structlog

from src.repositories.db import notify
from src.usecases.ports.publishing import BrokerUnavailableError
from src.usecases.ports.unit_of_work import DatabaseUnavailableError
from src.usecases.relay_outbox import RelayOutbox

log = structlog.get_logger()


@dataclass(frozen=True)
class OutboxRelay:
    """Relays whenever there may be events. A job of the worker."""

    use_case: RelayOutbox
    listener: notify.OutboxListener

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                while await self.use_case.execute() and not stop.is_set():
                    pass
            except (BrokerUnavailableError, DatabaseUnavailableError) as error:
                log.warning("relay_waiting", error=str(error))
                with suppress(TimeoutError):  # however many commits say that there is work
                    await asyncio.wait_for(stop.wait(), notify.POLL_SECONDS)
            else:
                await self.listener.wait(notify.POLL_SECONDS)
