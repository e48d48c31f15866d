"""The end of a tool's command: its exit code after an error, a signal, or success."""

import signal
import sys
from collections.abc import Callable

from tools.common.errors import ToolError

_INTERRUPTED = 130


def interrupt_on_signals() -> None:
    """Raise `KeyboardInterrupt` on SIGINT and SIGTERM.

    Python does so for SIGINT only, and not if the process was started with SIGINT ignored. Shells
    start background jobs that way, as do some CI agents.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def run_command(main: Callable[[], int]) -> int:
    """Run a tool and return its exit code; print a `ToolError` or an interrupt as one line."""
    interrupt_on_signals()
    try:
        return main()
    except ToolError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Everything that was started has ended.", file=sys.stderr, flush=True)
        return _INTERRUPTED
