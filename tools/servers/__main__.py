"""`python -m tools.servers`: start servers, print the service's settings, and run until Ctrl-C."""

import sys
import threading

from tools.common.command import run_command
from tools.servers.running import running_servers


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Keep the servers up; settings go to stdout, all other lines to stderr."""
    try:
        with running_servers(_log) as servers:
            for key, value in servers.environment().items():
                print(f"export {key}={value}", flush=True)
            _log("Ctrl-C ends them.")
            threading.Event().wait()
    except KeyboardInterrupt:
        _log("ended")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
