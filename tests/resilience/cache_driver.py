"""Load driver: reads and writes users through the service's own repositories, and logs both.

It runs inside a rendered service. `python cache_driver.py prepare USERS` creates users, each with
a session, and prints their ids. `python cache_driver.py run READS READERS WRITERS ID…` reads and
writes these users. Each operation is a line of JSON: key, version, start, end, and whether it is a
write. A write has two lines: the first one, before its commit, has no end.

A version is a user's `updated_at`, taken from the machine's monotonic clock under the row's lock.
"""

import asyncio
import json
import random
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from src.config import load_settings  # type: ignore[import-not-found]
from src.container import build_container, open_resources  # type: ignore[import-not-found]
from src.domain.session import Session  # type: ignore[import-not-found]
from src.domain.user import User  # type: ignore[import-not-found]
from src.usecases.ports.security import Tokens  # type: ignore[import-not-found]
from src.usecases.ports.unit_of_work import (  # type: ignore[import-not-found]
    UnitOfWorkFactory,
)

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
PAUSE = 0.05


def log(key: UUID, version: int, start: float, end: float | None, *, is_write: bool) -> None:
    """Print an operation as a line of JSON."""
    sys.stdout.write(json.dumps([str(key), version, start, end, is_write]) + "\n")


class Driver:
    """The parts of the service that readers and writers share."""

    def __init__(self, reads: int, ids: list[tuple[UUID, UUID]]) -> None:
        """Resolve the needed parts of the service."""
        self.container = build_container(load_settings())
        self.unit_of_work = self.container.resolve(UnitOfWorkFactory)
        self.lifetime = self.container.resolve(Tokens).lifetime
        self.reads = reads
        self.ids = ids

    async def prepare(self, count: int) -> None:
        """Create users with one session each."""
        for _ in range(count):
            user = User.register(f"{uuid4().hex}@example.com", "no hash", EPOCH)
            session = Session.start(user.id, self.lifetime, datetime.now(UTC))
            async with self.unit_of_work() as uow:
                await uow.users.create_user(user)
                await uow.sessions.create_session(session)
                await uow.commit()
            sys.stdout.write(f"made {user.id} {session.id}\n")

    async def read(self) -> None:
        """Read users, through the check of an access token or by their ids."""
        while self.reads > 0:
            self.reads -= 1
            user_id, session_id = random.choice(self.ids)  # noqa: S311
            start = time.monotonic()
            async with self.unit_of_work() as uow:
                if random.random() < 0.5:  # noqa: S311
                    user = (await uow.sessions.get_session_access(session_id, user_id)).user
                else:
                    user = await uow.users.get_user_by_id(user_id)
            end = time.monotonic()
            log(user_id, (user.updated_at - EPOCH) // MICROSECOND, start, end, is_write=False)

    def stop(self) -> None:
        """Stop reading."""
        self.reads = 0

    async def write(self) -> None:
        """Write at random times, as long as there are readers."""
        while self.reads > 0:
            user_id, _ = random.choice(self.ids)  # noqa: S311
            start = time.monotonic()
            async with self.unit_of_work() as uow:
                user = await uow.users.load_user_for_update(user_id)
                version = time.monotonic_ns() // 1000
                user.change_password("no hash", EPOCH + version * MICROSECOND)
                await uow.users.update_user_password(user)
                log(user_id, version, start, None, is_write=True)
                sys.stdout.flush()
                await uow.commit()
            log(user_id, version, start, time.monotonic(), is_write=True)
            await asyncio.sleep(random.uniform(0, PAUSE))  # noqa: S311


async def main() -> None:
    """Prepare the users, or read and write them."""
    mode, count, *words = sys.argv[1:]
    numbers = [int(word) for word in words[:2]]
    ids = [UUID(word) for word in words[2:]]
    driver = Driver(int(count), list(zip(ids[::2], ids[1::2], strict=True)))
    async with open_resources(driver.container):
        if mode == "prepare":
            await driver.prepare(int(count))
        else:
            readers, writers = numbers
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, driver.stop)
            async with asyncio.TaskGroup() as group:  # an error in one task ends all
                for work in [driver.read] * readers + [driver.write] * writers:
                    group.create_task(work())


if __name__ == "__main__":
    asyncio.run(main())
