"""The relay on an outbox that is full already: `python -m bench.drivers.drain EVENTS`."""

# mypy: disable-error-code="import-not-found"
import sys

import uvloop
from src.config import load_settings
from src.container import build_container, open_resources
from src.utils.logging import configure_logging

from bench.drivers.service import IN_FLIGHT, Meter, check_depth, open_topology, relay_all, tell


async def main(count: int) -> None:
    """Relay some of what waits."""
    meter, settings = Meter(IN_FLIGHT, count), load_settings()
    configure_logging(settings.app.log_level)
    container = build_container(settings)
    async with open_resources(container), open_topology(container) as (_, queue):
        await relay_all(container, meter)
        await check_depth(queue, meter.seen)  # behind a backlog it may begin another batch
        await queue.purge()
    tell(meter.result())


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
