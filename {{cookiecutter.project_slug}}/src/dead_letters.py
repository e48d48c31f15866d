"""The dead letters on the command line: `python -m src.dead_letters [redrive [EVENT_ID]]`."""

import argparse
import asyncio
import sys

from src.config import SettingsError, load_settings
from src.container import build_container, open_resources
from src.usecases.ports.messaging import DeadLetters
# {% if cookiecutter.use_rabbitmq %}
from src.usecases.ports.publishing import BrokerUnavailableError as UnavailableError
# {% else %}
from src.usecases.ports.unit_of_work import DatabaseUnavailableError as UnavailableError
# {% endif %}

ROW = "{:36}  {:28}  {:14}  {:>8}  {:32}  {}"


async def show(dead_letters: DeadLetters) -> None:
    """Print a line for each dead letter."""
    letters = await dead_letters.read()
    if letters:
        print(ROW.format("EVENT", "TYPE", "REASON", "ATTEMPTS", "FIRST SEEN", "ERROR"))
    for it in letters:
        error = it.error.splitlines()[0] if it.error else ""
        row = (it.event_id, it.event_type, it.reason, it.attempts, it.first_seen, error)
        print(ROW.format(*row))
    print(f"{len(letters)} dead letters")


async def redrive(dead_letters: DeadLetters, event_id: str | None) -> None:
    """Send dead letters back to the worker."""
    redriven = await dead_letters.redrive(event_id)
    if event_id and not redriven:
        sys.exit(f"There is no dead letter of event {event_id}.")
    print(f"{redriven} dead letters sent back to the worker")


async def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="dead_letters", description=__doc__)
    parser.add_argument("action", nargs="?", choices=["list", "redrive"], default="list")
    parser.add_argument("event_id", nargs="?", help="redrive this one, not all")
    arguments = parser.parse_args()
    container = build_container(load_settings())
    dead_letters = container.resolve(DeadLetters)
    async with open_resources(container):
        if arguments.action == "redrive":
            await redrive(dead_letters, arguments.event_id)
        else:
            await show(dead_letters)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (SettingsError, UnavailableError) as error:
        sys.exit(str(error))
