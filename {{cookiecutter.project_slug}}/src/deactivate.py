"""Closing an account on the command line: `python -m src.deactivate EMAIL`."""

import argparse
import asyncio
import sys

from src.config import SettingsError, load_settings
from src.container import build_container, open_resources
from src.usecases.deactivate_user import DeactivateUser
from src.usecases.ports.unit_of_work import DatabaseUnavailableError
from src.usecases.ports.users import NotFoundDatabaseError


async def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="deactivate", description=__doc__)
    parser.add_argument("email", help="the account's address")
    arguments = parser.parse_args()
    container = build_container(load_settings())
    async with open_resources(container):
        await container.resolve(DeactivateUser).execute(email=arguments.email)
    print("The account is closed and its sessions have ended.")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (SettingsError, NotFoundDatabaseError, DatabaseUnavailableError) as error:
        sys.exit(str(error))
