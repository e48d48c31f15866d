"""Redeliveries after a lost connection, which are no sign that a worker died."""

import math
import time

REDELIVERY_SECONDS = 30.0
"""How long after a reconnect the broker may redeliver the messages of the lost connection."""


class RedeliveryGrace:
    """The time after a reconnect in which a redelivery costs a message no attempt.

    A message is redelivered when its worker died, or when the worker lost its connection and lives
    on. Only a death may be the fault of the message.
    """

    def __init__(self, seconds: float = REDELIVERY_SECONDS) -> None:
        self._seconds = seconds
        self._ends_at = -math.inf

    def lost(self) -> None:
        """Note that this worker lost its connection and lives on."""
        self._ends_at = math.inf

    def connected(self) -> None:
        """Begin the grace, if the connection was lost before."""
        if self._ends_at == math.inf:
            self._ends_at = time.monotonic() + self._seconds

    def is_open(self) -> bool:
        """Tell whether a redelivered message may come from the lost connection."""
        return time.monotonic() < self._ends_at
