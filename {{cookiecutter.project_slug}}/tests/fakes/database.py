"""An in-memory database: committed rows, and transactions with writes and locks of their own.

A row is any object, and its class is its table. A new aggregate needs no change here.
"""

import asyncio
from collections import defaultdict
from collections.abc import Hashable
from copy import deepcopy
from typing import Any, TypeVar

from src.domain.aggregate import Aggregate, RecordedEvent

T = TypeVar("T")


class InMemoryDatabase:
    """The committed rows, the committed events in their order, and the locks."""

    def __init__(self) -> None:
        self.events: list[RecordedEvent] = []
        self.locks: defaultdict[Hashable, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tables: defaultdict[type, dict[Hashable, Any]] = defaultdict(dict)

    def get(self, table: type[T], key: Hashable) -> T | None:
        """Return a copy of a committed row, or None."""
        return deepcopy(self._tables[table].get(key))

    def all(self, table: type[T]) -> list[T]:
        """Return copies of all committed rows of a table, in the order of their creation."""
        return deepcopy([*self._tables[table].values()])

    def put(self, key: Hashable, row: object) -> None:
        """Commit a row."""
        self._tables[type(row)][key] = deepcopy(row)

    def delete(self, table: type, key: Hashable) -> None:
        """Commit the deletion of a row."""
        self._tables[table].pop(key, None)


class InMemoryTransaction:
    """Its writes are invisible to others until it commits. It holds its locks until it ends."""

    def __init__(self, database: InMemoryDatabase) -> None:
        self.database = database
        self._written: dict[tuple[type, Hashable], Any] = {}
        self._events: list[RecordedEvent] = []
        self._held: set[Hashable] = set()

    @property
    def changed_tables(self) -> set[str]:
        """The names of the tables with uncommitted changes."""
        return {table.__name__ for table, _ in self._written}

    def get(self, table: type[T], key: Hashable) -> T | None:
        """Return a copy of a row as this transaction sees it, or None."""
        if (table, key) not in self._written:
            return self.database.get(table, key)
        row: T | None = self._written[table, key]
        return deepcopy(row)

    async def get_for_update(self, table: type[T], key: Hashable) -> T | None:
        """Return a copy of a row, locked until this transaction ends, or None."""
        if self.database.get(table, key) is not None:
            await self.lock((table, key))
        return self.get(table, key)

    def all(self, table: type[T]) -> list[T]:
        """Return copies of all rows of a table as this transaction sees them."""
        rows = self.database._tables[table] | {
            key: row for (written, key), row in self._written.items() if written is table
        }
        return deepcopy([row for row in rows.values() if row is not None])

    def put(self, key: Hashable, row: object) -> None:
        """Insert or replace a row."""
        self._written[type(row), key] = deepcopy(row)

    def delete(self, table: type, key: Hashable) -> None:
        """Delete a row."""
        self._written[table, key] = None

    def record_events(self, aggregate: Aggregate) -> None:
        """Store the events that an aggregate has recorded since it was last saved."""
        self._events += aggregate.events
        aggregate.events = []

    async def lock(self, key: Hashable) -> None:
        """Wait until no other transaction holds this lock, and hold it."""
        if key not in self._held:
            await self.database.locks[key].acquire()
            self._held.add(key)

    def commit(self) -> None:
        """Make the writes and events visible to all, and release the locks."""
        for (table, key), row in self._written.items():
            if row is None:
                self.database.delete(table, key)
            else:
                self.database.put(key, row)
        self.database.events += self._events
        self.close()

    def close(self) -> None:
        """Drop uncommitted writes, and release the locks."""
        self._written.clear()
        self._events = []
        for key in self._held:
            self.database.locks[key].release()
        self._held.clear()
