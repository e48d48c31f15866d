"""The base of every domain event, and the register of their names."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

NAME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+\.v[1-9][0-9]*")

EVENT_TYPES: "dict[str, type[Event]]" = {}
"""Every event of this service, by its name. A class enters when its module is imported."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """A fact about one aggregate: a frozen dataclass whose fields other services may read.

    An event is declared with its name on the wire, beside its aggregate:

        @dataclass(frozen=True, kw_only=True)
        class OrderPlaced(Event, name="order.placed.v1"):
            order_id: UUID

    A change that breaks consumers gets a new class with a new name (`….v2`) beside the old one.
    """

    name: ClassVar[str]

    def __init_subclass__(cls, *, name: str, **options: Any) -> None:
        """Register the class. Raises `TypeError` for a malformed name or one in use."""
        super().__init_subclass__(**options)
        if not NAME.fullmatch(name):
            raise TypeError(f'{cls.__name__}: an event\'s name looks like "order.placed.v1".')
        registered = EVENT_TYPES.setdefault(name, cls)
        if registered.__qualname__ != cls.__qualname__ or registered.__module__ != cls.__module__:
            raise TypeError(f"{cls.__name__} and {registered.__name__} are both named {name!r}.")
        cls.name = name
