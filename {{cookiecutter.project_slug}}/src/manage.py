"""The operators' commands: `python -m src.manage --help`."""

import argparse
import asyncio
import sys

from src.config import AppSettings
from src.container import PARTS, build_container, load_settings, open_resources
from src.usecases.errors import NotFoundDatabaseError, UnavailableError
from src.utils.logging import configure_logging


def command_line() -> argparse.ArgumentParser:
    """Return the parser, with the commands of all parts."""
    parser = argparse.ArgumentParser(prog="manage", description="Commands for operators.")
    subparsers = parser.add_subparsers(required=True)
    for command in (command for part in PARTS for command in part.commands):
        subparser = subparsers.add_parser(command.name, help=command.help)
        subparser.set_defaults(command=command)
        command.add_arguments(subparser)
    return parser


async def run(arguments: argparse.Namespace) -> None:
    """Run a command and print its text."""
    container = build_container(load_settings())
    try:
        async with open_resources(container):
            print(await arguments.command.run(container, arguments))
    except (NotFoundDatabaseError, UnavailableError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    arguments = command_line().parse_args()
    # Not in `run`, which keeps its caller's logging.
    configure_logging(load_settings()[AppSettings].log_level)
    asyncio.run(run(arguments))
