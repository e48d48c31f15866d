"""What happens with a message that came in."""

from typing import Protocol


class PermanentError(Exception):
    """Trying this message again cannot help: it goes to the dead letters at once.

    `reason` is one word for a header; the exception's text says more.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class MessageHandler(Protocol):
    """Gives a message its effect, once, however often it is called with it."""

    async def __call__(self, body: bytes) -> None:
        """Handle a CloudEvent in JSON.

        Raises `PermanentError`, or anything else when trying again later may help.
        """
        ...
