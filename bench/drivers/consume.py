"""The worker's consumer and its use case: `python -m bench.drivers.consume EVENTS [POISON]`.

With POISON, that many messages stand evenly among the events which cannot be handled: half of them
raise, half are no events at all.
"""

# mypy: disable-error-code="import-not-found"
import asyncio
import sys
from dataclasses import dataclass
from typing import Any

import uvloop
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
RAISES = b"raises"
GARBAGE = b"\xff\x00garbage"


@dataclass(frozen=True)
class Counted:
    """Tells a meter what the service's own handler has handled."""

    handle: Any
    meter: Meter

    async def __call__(self, body: bytes) -> None:
        """Handle and count, or fail."""
        if body == RAISES:
            message = "on purpose"
            raise ValueError(message)
        await self.handle(body)
        self.meter.tick()


async def main(count: int, poison: int = 0) -> None:
    """Fill the queue, then consume it."""
    meter = Meter(WARM_UP, count)
    async with open_service() as container:
        handler = container.resolve(MessageHandler)
        container.register(MessageHandler, instance=Counted(handler, meter))
        async with open_topology(container) as (exchange, _):
            events = make_events(WARM_UP + count + poison)
            bodies = [to_body(event) for event in events]
            for number in range(poison):
                bodies[WARM_UP + number * (count // poison)] = (RAISES, GARBAGE)[number % 2]
            await publish(exchange, events, bodies)
        stop = asyncio.Event()
        consuming = asyncio.create_task(container.resolve(EventConsumer).run(stop))
        await meter.done.wait()
        stop.set()
        await consuming
    tell(meter.result())


if __name__ == "__main__":
    uvloop.run(main(*map(int, sys.argv[1:])))
