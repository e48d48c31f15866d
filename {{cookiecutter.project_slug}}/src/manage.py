"""What operators do on the command line: `python -m src.manage --help`."""

import argparse
import asyncio
import sys

import punq
from email_validator import EmailNotValidError

from src.api.schemas import to_address
from src.config import load_settings
from src.container import build_container, open_resources
# {% if cookiecutter.use_redis %}
from src.usecases.check_readiness import CheckReadiness
# {% endif %}
from src.usecases.deactivate_user import DeactivateUser
from src.usecases.ports.messaging import DeadLetters, UnavailableError
from src.usecases.ports.users import NotFoundDatabaseError

ROW = "{:36}  {:28}  {:14}  {:>8}  {:32}  {}"


async def show(container: punq.Container) -> None:
    """Print a line for each dead letter."""
    letters = await container.resolve(DeadLetters).read()
    if letters:
        print(ROW.format("EVENT", "TYPE", "REASON", "ATTEMPTS", "FIRST SEEN", "ERROR"))
    for it in letters:
        error = it.error.splitlines()[0] if it.error else ""
        print(ROW.format(it.event_id, it.event_type, it.reason, it.attempts, it.first_seen, error))
    print(f"{len(letters)} dead letters")


async def redrive(container: punq.Container, event_id: str | None) -> None:
    """Send dead letters back to the worker."""
    redriven = await container.resolve(DeadLetters).redrive(event_id)
    if event_id and not redriven:
        sys.exit(f"There is no dead letter of event {event_id}.")
    print(f"{redriven} dead letters sent back to the worker")


async def deactivate(container: punq.Container, email: str) -> None:
    """Close an account."""
    await container.resolve(DeactivateUser).execute(email=to_address(email))
# {% if cookiecutter.use_redis %}
    _, answers = await container.resolve(CheckReadiness).execute()
    if not answers["redis"]:
        sys.exit("The account is closed, but Redis does not answer from here: see docs/cache.md.")
# {% endif %}
    print("The account is closed and its sessions have ended.")


def command_line() -> argparse.ArgumentParser:
    """Return the commands: each has the function that does it as `run`, and names its arguments."""
    parser = argparse.ArgumentParser(prog="manage", description=__doc__)
    add = parser.add_subparsers(required=True).add_parser
    add("dead-letters", help="list the messages that were given up").set_defaults(run=show)
    command = add("redrive", help="hand them to the worker again")
    command.set_defaults(run=redrive)
    command.add_argument("event_id", nargs="?", help="this one, not all")
    command = add("deactivate", help="close an account and end its sessions")
    command.set_defaults(run=deactivate)
    command.add_argument("email", help="the account's address")
    return parser


async def main() -> None:
    """Do what the command line says."""
    arguments = vars(command_line().parse_args())
    run = arguments.pop("run")
    container = build_container(load_settings())
    try:
        async with open_resources(container):
            await run(container, **arguments)
    except (EmailNotValidError, NotFoundDatabaseError, UnavailableError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    asyncio.run(main())
