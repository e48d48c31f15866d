"""How users and sessions look in the cache: JSON that tells the version of its shape."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import orjson

from src.usecases.ports.cache import ReadThroughCache, Values

Fields = dict[str, Any]
"""A cached row: its columns as JSON has them, so ids and times are strings."""

SHAPE = 1
"""Raise it when a cached field changes: a release of another shape then reads Postgres instead."""


def user_key(user_id: UUID) -> str:
    """Return the key of a user's profile."""
    return f"user:{user_id}"


def email_key(email: str) -> str:
    """Return the key of the profile of the user with this address."""
    return f"user-email:{email}"


def session_key(session_id: UUID) -> str:
    """Return the key of a session."""
    return f"session:{session_id}"


async def read_through(
    cache: ReadThroughCache,
    keys: Sequence[str],
    load: Callable[[], Awaitable[Sequence[Fields | None]]],
) -> list[Fields | None]:
    """Return one row for each key, from the cache if it has them all, else from `load`."""

    async def load_encoded() -> Values:
        return [
            None if fields is None else orjson.dumps({"shape": SHAPE, **fields})
            for fields in await load()
        ]

    rows = _decode(await cache.get_or_load(keys, load_encoded))
    # Another release may have cached another shape: then neither read it nor wait for its end.
    return rows if rows is not None else _decode(await load_encoded()) or []


def _decode(values: Values) -> list[Fields | None] | None:
    """Return the rows, or None if one of them is of another shape."""
    rows: list[Fields | None] = [None if value is None else orjson.loads(value) for value in values]
    return rows if all(row is None or row.pop("shape", None) == SHAPE for row in rows) else None
