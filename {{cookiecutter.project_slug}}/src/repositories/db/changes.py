"""What a unit of work has changed so far."""

from dataclasses import dataclass, field

from src.domain.aggregate import Aggregate
from src.repositories.db.engine import Transaction


@dataclass(kw_only=True)
class Changes:
    """Shared by the repositories of one unit of work, which acts on it when it commits."""

    transaction: Transaction
    aggregates: list[Aggregate] = field(default_factory=list)
    """Whose events are to be stored."""
    stale_keys: set[str] = field(default_factory=set)
    """What the cache must no longer show."""
