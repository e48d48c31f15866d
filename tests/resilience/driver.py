"""Load driver: registers users concurrently through the service's own unit of work.

It runs inside a rendered service: `python driver.py COMMITS PUBLISHERS PAUSE_SECONDS`. It prints
the id of each user after its commit. Of twelve transactions, one is left without a commit and one
is refused by the database at its commit: these two must have no effect.
"""

import asyncio
import signal
import sys
from uuid import uuid4

from src.container import (  # type: ignore[import-not-found]
    build_container,
    load_settings,
    open_resources,
)
from src.domain.user import User  # type: ignore[import-not-found]
from src.usecases.ports.unit_of_work import (  # type: ignore[import-not-found]
    UnitOfWorkFactory,
)


class Driver:
    """The parts of the service that the publishers share."""

    def __init__(self, commits: int, pause: float) -> None:
        """Resolve the needed parts of the service."""
        self.container = build_container(load_settings())
        self.unit_of_work = self.container.resolve(UnitOfWorkFactory)
        self.commits = commits
        self.pause = pause
        self.begun = 0

    async def publish(self) -> None:
        """Register users one after the other; after a failure, try again with another user."""
        while self.begun < self.commits:
            self.begun += 1
            try:
                await self.register("kept")
                if self.begun % 10 == 0:
                    await self.register("abandoned", commit=False)
                    await self.refused()
            except Exception as error:  # noqa: BLE001 - servers are killed during the run
                sys.stderr.write(f"failed: {type(error).__name__}: {error}\n")
                self.begun -= 1
                await asyncio.sleep(0.2)
            await asyncio.sleep(self.pause)

    async def register(self, name: str, *, commit: bool = True) -> None:
        """Register as the use case does, but without the password hash, which takes 30 ms."""
        async with self.unit_of_work() as uow:
            email = f"{name}-{uuid4().hex}@example.com"
            user = User.register(email=email, email_key=email, password_hash="", now=uow.now)
            await uow.users.create_user(user)
            if commit:
                await uow.commit()
                sys.stdout.write(f"{user.id}\n")
                sys.stdout.flush()

    async def refused(self) -> None:
        """Commit a user that the database's trigger refuses."""
        try:
            await self.register("refused")
        except Exception as error:
            if "refused on purpose" not in f"{error} {error.__cause__}":
                raise
        else:
            sys.exit("The database committed a transaction that its trigger had to refuse.")


async def main() -> None:
    """Run the publishers to the end, or until SIGTERM."""
    driver = Driver(commits=int(sys.argv[1]), pause=float(sys.argv[3]))
    publishers = int(sys.argv[2])

    def stop() -> None:
        driver.commits = 0

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    async with open_resources(driver.container):
        await asyncio.gather(*(driver.publish() for _ in range(publishers)))


if __name__ == "__main__":
    asyncio.run(main())
