"""Redeliveries after a lost connection, which are no sign that a worker died."""

import math
import time

REDELIVERY_SECONDS = 30.0  # until the messages of a lost connection have been redelivered


class RedeliveryGrace:
    """The time after a reconnect in which a redelivery costs a message no attempt."""

    def __init__(self) -> None:
        self._ends_at = -math.inf

    def lost(self) -> None:
        """Note that this worker lost its connection and lives on."""
        self._ends_at = math.inf

    def connected(self, seconds: float = REDELIVERY_SECONDS) -> None:
        """Begin the grace, if the connection was lost before."""
        if self.is_open():
            self._ends_at = min(self._ends_at, time.monotonic() + seconds)

    def is_open(self) -> bool:
        """Tell whether a redelivered message may come from the lost connection."""
        return time.monotonic() < self._ends_at
