"""The service's relay draining a full outbox: `python -m bench.drivers.relay EVENTS`."""

# mypy: disable-error-code="import-not-found"
import asyncio
import sys

from src.repositories.db.engine import Database
from src.repositories.db.outbox import store_events
from src.usecases.relay_outbox import RelayOutbox

from bench.drivers.service import (
    IN_FLIGHT,
    Meter,
    check_depth,
    make_events,
    open_service,
    open_topology,
    tell,
)


async def main(count: int) -> None:
    """Fill the outbox, then drain it."""
    meter = Meter(IN_FLIGHT, count)
    async with open_service() as container, open_topology(container) as (_, queue):
        transaction = container.resolve(Database).transaction()
        await store_events(transaction, make_events(IN_FLIGHT + count), "bench")
        await transaction.commit()
        await transaction.aclose()
        use_case = container.resolve(RelayOutbox)
        while not meter.done.is_set():
            meter.tick(await use_case.execute())
        await check_depth(queue, IN_FLIGHT + count)
        await queue.purge()
    tell(meter.result())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
