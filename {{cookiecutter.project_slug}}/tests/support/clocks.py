"""A process with a wrong clock."""

import sys
import time
from datetime import datetime, timedelta, tzinfo

import pytest

unix_time = time.time


def move_clock(patch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Move the clock of this process, as all modules of `src` read it.

    The clock of the database stays as it is.
    """

    class Moved(datetime):
        """The time of the wrong clock."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Moved":
            """Return the wrong time."""
            return cls.fromtimestamp(unix_time() + by.total_seconds(), tz)

    for name, module in [*sys.modules.items()]:
        if name.startswith("src.") and hasattr(module, "datetime"):
            patch.setattr(module, "datetime", Moved)
    patch.setattr(time, "time", lambda: unix_time() + by.total_seconds())
