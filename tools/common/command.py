"""How each tool's command ends: on an error, on a signal, or by itself."""

import signal
import sys
from collections.abc import Callable

from tools.common.errors import ToolError

_INTERRUPTED = 130


def interrupt_on_signals() -> None:
    """Raise `KeyboardInterrupt` on SIGINT and SIGTERM.

    Python does so for SIGINT only, and not if the parent process ignores that signal: `nohup` in
    the background and some CI agents do, and a child inherits it.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def run_command(main: Callable[[], int]) -> int:
    """Run a tool and return its exit code; a `ToolError` and an interrupt are one line each."""
    interrupt_on_signals()
    try:
        return main()
    except ToolError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Everything that was started has ended.", file=sys.stderr, flush=True)
        return _INTERRUPTED
