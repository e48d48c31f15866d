"""Where messages come from."""

import asyncio
from typing import Protocol


class EventConsumer(Protocol):
    """Feeds messages to the handler until it is told to stop."""

    @property
    def is_consuming(self) -> bool:
        """Tell whether messages can arrive right now."""
        ...

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set; return once what was in flight is answered."""
        ...
