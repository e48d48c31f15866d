"""Registers users through the service's own unit of work, many at once, until told to stop.

Runs inside a rendered service: `python driver.py COMMITS PUBLISHERS PAUSE_SECONDS`. Prints the id
of each user whose commit has returned. Of twelve transactions one is left without a commit, and one
is refused by the database when it commits; neither may be heard of ever again.
"""

import asyncio
import signal
import sys
from uuid import uuid4

from src.config import load_settings  # type: ignore[import-not-found]
from src.container import build_container, open_resources  # type: ignore[import-not-found]
from src.domain.user import User  # type: ignore[import-not-found]
from src.usecases.ports.unit_of_work import (  # type: ignore[import-not-found]
    UnitOfWorkFactory,
)


class Driver:
    """What the publishers share."""

    def __init__(self, commits: int, pause: float) -> None:
        """Take the parts of the service that are needed."""
        self.container = build_container(load_settings())
        self.unit_of_work = self.container.resolve(UnitOfWorkFactory)
        self.commits = commits
        self.pause = pause
        self.begun = 0

    async def publish(self) -> None:
        """Register users one after the other. What fails is tried again with another user."""
        while self.begun < self.commits:
            self.begun += 1
            try:
                await self.register("kept")
                if self.begun % 10 == 0:
                    await self.register("abandoned", commit=False)
                    await self.refused()
            except Exception as error:  # noqa: BLE001 - servers are being killed meanwhile
                sys.stderr.write(f"failed: {type(error).__name__}: {error}\n")
                self.begun -= 1
                await asyncio.sleep(0.2)
            await asyncio.sleep(self.pause)

    async def register(self, name: str, *, commit: bool = True) -> None:
        """Do what the use case does, but for the hash that takes 30 ms."""
        async with self.unit_of_work() as uow:
            user = User.register(f"{name}-{uuid4().hex}@example.com", "no hash", uow.now)
            await uow.users.create_user(user)
            if commit:
                await uow.commit()
                sys.stdout.write(f"{user.id}\n")
                sys.stdout.flush()

    async def refused(self) -> None:
        """Commit what the database's trigger refuses."""
        try:
            await self.register("refused")
        except Exception as error:
            if "refused on purpose" not in f"{error} {error.__cause__}":
                raise
        else:
            sys.exit("A transaction was committed that the database had to refuse.")


async def main() -> None:
    """Run the publishers to the end, or until SIGTERM."""
    commits, publishers, pause = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    driver = Driver(commits, pause)

    def stop() -> None:
        driver.commits = 0

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    async with open_resources(driver.container):
        await asyncio.gather(*(driver.publish() for _ in range(publishers)))


if __name__ == "__main__":
    asyncio.run(main())
