"""Prints the port of the API for `make run`: `APP_PORT` of the environment or of `.env`."""

import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from scripts.machine.env_file import SetupError, read, settings  # noqa: E402
from scripts.machine.ports import APP_PORT, is_free, next_free, number  # noqa: E402


def main() -> None:
    """Print the port, or raise an error that says why it is unusable."""
    env = PROJECT / ".env"
    values = settings(read(env)) if env.exists() else {}
    port = number(APP_PORT, os.environ.get(APP_PORT) or values.get(APP_PORT) or "8000", ".env")
    if not is_free(port):
        free = next_free(port, set())
        raise SetupError(
            f"{APP_PORT}={port} is in use on this machine: set {APP_PORT}={free} in .env,"
            " or stop the other program (`make down`, if it is this service)"
        )
    print(port)


if __name__ == "__main__":
    try:
        main()
    except (OSError, SetupError) as error:
        sys.exit(str(error))
