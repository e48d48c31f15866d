"""How rows look in the cache: JSON that tells the version of its shape."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson

from src.usecases.ports.cache import ReadThroughCache, Values

SHAPE = 1
"""Raise it when a cached column changes: a release of another shape then reads Postgres instead."""

Fields = dict[str, Any]
"""A cached row: its columns as JSON has them, so that ids and times are strings."""


async def read_through(
    cache: ReadThroughCache,
    keys: Sequence[str],
    load: Callable[[], Awaitable[Sequence[Fields | None]]],
) -> list[Fields | None]:
    """Return one row for each key, from the cache if it has them all, else from `load`."""

    async def load_json() -> Values:
        return [None if row is None else _format(row) for row in await load()]

    rows = [_parse(value) for value in await cache.get_or_load(keys, load_json)]
    if any(row is not None and row.get("shape") != SHAPE for row in rows):
        rows = [_parse(value) for value in await load_json()]
    return rows


def _format(row: Fields) -> bytes:
    # asyncpg has a UUID class of its own, which orjson knows only as text.
    return orjson.dumps({"shape": SHAPE, **row}, default=str)


def _parse(value: bytes | None) -> Fields | None:
    """Return a row, or one without a shape for what is none."""
    if value is None:
        return None
    try:
        row = orjson.loads(value)
    except ValueError:
        row = None
    return row if isinstance(row, dict) else {}
