"""Postgres in memory: what is committed, what a transaction has written, who holds which lock."""

import asyncio
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field
from uuid import UUID

from src.domain.aggregate import Aggregate
from src.domain.events import Event
from src.domain.notification import Notification
from src.domain.session import Session
from src.domain.user import User


@dataclass
class Rows:
    """The rows of all tables."""

    users: dict[UUID, User] = field(default_factory=dict)
    sessions: dict[UUID, Session] = field(default_factory=dict)
    notifications: dict[UUID, Notification] = field(default_factory=dict)
    processed_messages: set[UUID] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)


class InMemoryDatabase:
    """What is committed, and the locks on it."""

    def __init__(self) -> None:
        self.rows = Rows()
        self.locks: defaultdict[Hashable, asyncio.Lock] = defaultdict(asyncio.Lock)


class InMemoryTransaction:
    """Keeps its writes to itself until it commits, and its locks until it ends."""

    def __init__(self, database: InMemoryDatabase) -> None:
        self.database = database
        self.written = Rows()
        self.forgotten_sessions: set[UUID] = set()
        self._held: set[Hashable] = set()

    @property
    def committed(self) -> Rows:
        """What every transaction sees."""
        return self.database.rows

    async def lock(self, row: Hashable) -> None:
        """Wait until no other transaction holds the row, and hold it."""
        if row not in self._held:
            await self.database.locks[row].acquire()
            self._held.add(row)

    def take_events(self, aggregate: Aggregate) -> None:
        """Have the aggregate's new events stored when this commits."""
        self.written.events += aggregate.events
        aggregate.events = []

    def commit(self) -> None:
        """Let everyone see the writes."""
        committed, written, self.written = self.database.rows, self.written, Rows()
        committed.users |= written.users
        committed.sessions |= written.sessions
        for session_id in self.forgotten_sessions:
            committed.sessions.pop(session_id, None)
        committed.notifications |= written.notifications
        committed.processed_messages |= written.processed_messages
        committed.events += written.events
        self.close()

    def close(self) -> None:
        """Drop what is not committed, and let go of every lock."""
        self.written = Rows()
        for row in self._held:
            self.database.locks[row].release()
        self._held.clear()
