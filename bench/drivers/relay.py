"""The service's relay draining a full outbox: `python -m bench.drivers.relay EVENTS`."""

# mypy: disable-error-code="import-not-found"
import sys

import uvloop
from sqlalchemy import insert
from src.repositories.db.engine import Database
from src.repositories.db.events import to_row
from src.repositories.db.models import OutboxRow

from bench.drivers.service import (
    Meter,
    check_depth,
    make_events,
    open_service,
    open_topology,
    relay_all,
    tell,
)

# Whole batches, whatever their size.
WARM_UP = 1000


async def main(count: int) -> None:
    """Fill the outbox, then drain it."""
    meter = Meter(WARM_UP, count)
    async with open_service() as container, open_topology(container) as (_, queue):
        transaction = container.resolve(Database).transaction()
        rows = [to_row(event, "bench") for event in make_events(WARM_UP + count)]
        await transaction.execute(insert(OutboxRow), rows)
        await transaction.commit()
        await transaction.aclose()
        await relay_all(container, meter)
        await check_depth(queue, WARM_UP + count)
        await queue.purge()
    tell(meter.result())


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
