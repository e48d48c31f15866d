"""The worker's consumer, dispatcher and use case: `python -m bench.drivers.consume EVENTS`."""

# mypy: disable-error-code="import-not-found"
import asyncio
import sys
from dataclasses import dataclass
from typing import Any

from src.usecases.ports.messaging import EventConsumer, MessageHandler

from bench.drivers.service import (
    Meter,
    make_events,
    open_service,
    open_topology,
    publish,
    tell,
    to_body,
)

WARM_UP = 200


@dataclass(frozen=True)
class Counted:
    """Tells a meter what the service's own handler has handled."""

    handle: Any
    meter: Meter

    async def __call__(self, body: bytes) -> None:
        """Handle and count."""
        await self.handle(body)
        self.meter.tick()


async def main(count: int) -> None:
    """Fill the queue, then consume it."""
    meter = Meter(WARM_UP, count)
    async with open_service() as container:
        handler = container.resolve(MessageHandler)
        container.register(MessageHandler, instance=Counted(handler, meter))
        async with open_topology(container) as (exchange, _):
            events = make_events(WARM_UP + count)
            await publish(exchange, events, [to_body(event) for event in events])
        stop = asyncio.Event()
        consuming = asyncio.create_task(container.resolve(EventConsumer).run(stop))
        await meter.done.wait()
        stop.set()
        await consuming
    tell(meter.result())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
