"""Commits users at a steady pace: `python -m bench.drivers.produce EVENTS PER_SECOND`.

Tells for each event, but for the first second's, when its commit had returned.
"""

# mypy: disable-error-code="import-not-found"
import asyncio
import sys
import time
from uuid import uuid4

import uvloop
from src.domain.user import User
from src.usecases.ports.unit_of_work import UnitOfWorkFactory

from bench.drivers.service import open_service, tell


async def main(count: int, per_second: int) -> None:
    """Keep to the schedule even if a commit was late."""
    committed: dict[str, float] = {}
    async with open_service() as container:
        unit_of_work = container.resolve(UnitOfWorkFactory)
        begun = time.monotonic()
        for number in range(per_second + count):
            await asyncio.sleep(begun + number / per_second - time.monotonic())
            async with unit_of_work() as uow:
                user = User.register(f"{uuid4().hex}@example.com", "no hash", uow.now)
                [event] = user.events
                await uow.users.create_user(user)
                await uow.commit()
                committed[str(event.event_id)] = time.time()
        await asyncio.sleep(1 / per_second)  # the last NOTIFY is sent meanwhile
    tell({"committed": dict(list(committed.items())[per_second:])})


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
