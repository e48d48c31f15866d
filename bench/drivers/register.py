"""The use case that opens accounts, without hashing: `python -m bench.drivers.register USERS`."""

# mypy: disable-error-code="import-not-found"
import asyncio
import sys
from uuid import uuid4

from src.usecases.ports.security import Passwords
from src.usecases.register_user import RegisterUser

from bench.drivers.service import Meter, open_service, tell

AT_ONCE = 10
WARM_UP = 200
PASSWORD = {"password": "hashed by nobody"}


class PlainPasswords:
    """Hashes nothing: a hash takes longer than all the rest, which is what is measured here."""

    async def hash(self, password: str) -> str:
        """Return the password as its hash."""
        return password


async def main(count: int) -> None:
    """Have ten requests under way at any time."""
    meter = Meter(WARM_UP, count)
    passwords = PlainPasswords()
    async with open_service((Passwords, passwords)) as container:
        use_case = container.resolve(RegisterUser)
        if use_case.passwords is not passwords:
            sys.exit("The use case still hashes: this would measure the hash.")

        async def register() -> None:
            while not meter.done.is_set():
                await use_case.execute(email=f"{uuid4().hex}@example.com", **PASSWORD)
                meter.tick()

        await asyncio.gather(*(register() for _ in range(AT_ONCE)))
    tell(meter.result())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
