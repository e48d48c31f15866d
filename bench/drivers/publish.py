"""Publishing the same bodies by hand: `python -m bench.drivers.publish EVENTS`."""

# mypy: disable-error-code="import-not-found"
import sys

import uvloop

from bench.drivers.service import (
    IN_FLIGHT,
    Meter,
    check_depth,
    make_events,
    open_service,
    open_topology,
    publish,
    tell,
    to_body,
)


async def main(count: int) -> None:
    """Publish what is ready to be published."""
    meter = Meter(IN_FLIGHT, count)
    events = make_events(IN_FLIGHT + count)
    bodies = [to_body(event) for event in events]
    async with open_service() as container, open_topology(container) as (exchange, queue):
        await publish(exchange, events[:IN_FLIGHT], bodies[:IN_FLIGHT])
        meter.tick(IN_FLIGHT)
        await publish(exchange, events[IN_FLIGHT:], bodies[IN_FLIGHT:])
        meter.tick(count)
        await check_depth(queue, IN_FLIGHT + count)
        await queue.purge()
    tell(meter.result())


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
