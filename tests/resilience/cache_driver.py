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

from sqlalchemy import bindparam, select  # type: ignore[import-not-found]
from src.container import (  # type: ignore[import-not-found]
    build_container,
    load_settings,
    open_resources,
)
from src.domain.session import Session, SessionLifetime  # type: ignore[import-not-found]
from src.domain.user import User  # type: ignore[import-not-found]
from src.repositories.cache.rows import read_through  # type: ignore[import-not-found]
from src.repositories.postgres.engine import Database  # type: ignore[import-not-found]
from src.repositories.sessions import (  # type: ignore[import-not-found]
    PROFILE,
    VERSION,
    to_profile,
)
from src.repositories.users import UserRow, user_key  # type: ignore[import-not-found]
from src.usecases.ports.cache import ReadThroughCache  # type: ignore[import-not-found]
from src.usecases.ports.unit_of_work import (  # type: ignore[import-not-found]
    UnitOfWorkFactory,
)

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
PAUSE = 0.05
LIFETIME = SessionLifetime(idle=timedelta(days=1), absolute=timedelta(days=1))
PROFILE_BY_ID = select(*(UserRow.__table__.c[column] for column in PROFILE)).where(
    UserRow.id == bindparam("id")
)


def log(key: UUID, version: int, start: float, end: float | None, *, is_write: bool) -> None:
    """Print an operation as a line of JSON."""
    sys.stdout.write(json.dumps([str(key), version, start, end, is_write]) + "\n")


class Driver:
    """The parts of the service that readers and writers share."""

    def __init__(self, reads: int, ids: list[tuple[UUID, UUID]]) -> None:
        """Resolve the needed parts of the service."""
        self.container = build_container(load_settings())
        self.unit_of_work = self.container.resolve(UnitOfWorkFactory)
        self.database = self.container.resolve(Database)
        self.cache = self.container.resolve(ReadThroughCache)
        self.reads = reads
        self.ids = ids

    async def prepare(self, count: int) -> None:
        """Create users with one session each."""
        for _ in range(count):
            email = f"{uuid4().hex}@example.com"
            user = User.register(email=email, email_key=email, password_hash="", now=EPOCH)
            session = Session.start(user.id, LIFETIME, datetime.now(UTC))
            async with self.unit_of_work() as uow:
                await uow.users.create_user(user)
                await uow.sessions.create_session(session)
                await uow.commit()
            sys.stdout.write(f"made {user.id} {session.id}\n")

    async def read(self) -> None:
        """Read users, together with their sessions or alone."""
        while self.reads > 0:
            self.reads -= 1
            user_id, session_id = random.choice(self.ids)  # noqa: S311
            start = time.monotonic()
            if random.random() < 0.5:  # noqa: S311
                updated_at = await self.read_session(session_id, user_id)
            else:
                updated_at = await self.read_profile(user_id)
            end = time.monotonic()
            log(user_id, (updated_at - EPOCH) // MICROSECOND, start, end, is_write=False)

    async def read_session(self, session_id: UUID, user_id: UUID) -> datetime:
        """Read a session and its user, as the check of an access token does: two cache keys."""
        async with self.unit_of_work() as uow:
            access = await uow.sessions.get_session_access(session_id, user_id)
        updated_at: datetime = access.user.updated_at
        return updated_at

    async def read_profile(self, user_id: UUID) -> datetime:
        """Read a user alone: one cache key, which the reads of sessions also use."""

        async def load() -> list[dict[str, object]]:
            rows = await self.database.fetch(PROFILE_BY_ID, {"id": user_id})
            return [dict(row._mapping) for row in rows]  # noqa: SLF001 - public in SQLAlchemy

        keys = [user_key(user_id)]
        [profile] = await read_through(self.cache, keys, load, version=VERSION)
        updated_at: datetime = to_profile(profile).updated_at
        return updated_at

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
