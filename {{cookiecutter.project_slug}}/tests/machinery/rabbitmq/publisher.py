"""A stand-in for the broker, which refuses some events."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row

REFUSED = "machinery.refused.v1"


class Publisher:
    """Publishes every event but those of the type `REFUSED`."""

    error: BaseException = LookupError("No queue takes it.")

    def __init__(self) -> None:
        self.published: list[Row[Any]] = []

    async def __call__(self, event: Row[Any]) -> None:
        if event.event_type == REFUSED:
            raise self.error
        self.published.append(event)

    @property
    def ids(self) -> list[UUID]:
        """The ids of the published events."""
        return [event.event_id for event in self.published]
