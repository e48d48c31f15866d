"""The use case that opens accounts: `python -m bench.drivers.register USERS HASHING`.

HASHING is 1 for the use case as it is, and 0 to see what the hash hides: it takes longer than all
the rest.
"""

# mypy: disable-error-code="import-not-found"
import asyncio
import sys
from uuid import uuid4

import uvloop
from src.usecases.ports.security import Passwords
from src.usecases.register_user import RegisterUser

from bench.drivers.service import Meter, open_service, tell

AT_ONCE = 10
PASSWORD = {"password": "correct horse battery"}


class PlainPasswords:
    """Hashes nothing."""

    async def hash(self, password: str, email: str = "") -> str:  # noqa: ARG002
        """Return the password as its hash."""
        return password


async def main(count: int, hashing: int) -> None:
    """Have ten requests under way at any time."""
    meter = Meter(count // 10, count)
    replaced = [] if hashing else [(Passwords, PlainPasswords())]
    async with open_service(*replaced) as container:
        use_case = container.resolve(RegisterUser)
        if isinstance(use_case.passwords, PlainPasswords) == bool(hashing):
            sys.exit("The use case has not the passwords it was to have.")

        async def register() -> None:
            while not meter.done.is_set():
                await use_case.execute(email=f"{uuid4().hex}@example.com", **PASSWORD)
                meter.tick()

        await asyncio.gather(*(register() for _ in range(AT_ONCE)))
    tell(meter.result())


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
