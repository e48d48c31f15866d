"""The environment of a rendered service's commands, without the variables of this run."""

import os
from collections.abc import Mapping

# They describe this repository's `make`, virtual environment and Python.
_OF_THIS_RUN = (
    "MAKEFLAGS",
    "MAKELEVEL",
    "MAKEOVERRIDES",
    "MFLAGS",
    "PYTHONDONTWRITEBYTECODE",  # with it, every start would compile every library
    "PYTHONPATH",
    "VIRTUAL_ENV",
)
# The prefixes of the variables that name servers. A service gets those of its own run only.
_OF_SERVERS = ("POSTGRES_", "REDIS_", "RABBITMQ_")


def service_environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a service's command, with these settings."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in _OF_THIS_RUN and not name.startswith(_OF_SERVERS)
    }
    return {**inherited, **(settings or {})}
