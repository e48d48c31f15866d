"""A variant: one combination of the options that change code."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIXES = {"use_redis": "REDIS_", "use_rabbitmq": "RABBITMQ_"}


@dataclass
class Variant:
    """A combination of the options that change code, and the folder it was rendered into."""

    use_redis: bool
    use_rabbitmq: bool
    folder: Path = field(default_factory=Path)

    def __str__(self) -> str:
        """Return the names of its servers beside PostgreSQL."""
        names = [name.removeprefix("use_") for name, used in self.options.items() if used]
        return "+".join(names) or "postgres alone"

    @property
    def options(self) -> dict[str, bool]:
        """The answers that choose it."""
        return {"use_redis": self.use_redis, "use_rabbitmq": self.use_rabbitmq}

    @property
    def answers(self) -> dict[str, str]:
        """The answers that choose it, as a user types them."""
        return {name: "yes" if used else "no" for name, used in self.options.items()}

    def servers(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Return the settings without those of servers that it does not use."""
        unused = tuple(_PREFIXES[name] for name, used in self.options.items() if not used)
        return {name: value for name, value in settings.items() if not name.startswith(unused)}


def variants() -> list[Variant]:
    """Return every combination, the default first."""
    return [Variant(redis, rabbitmq) for redis in (True, False) for rabbitmq in (True, False)]
