"""Rows in the cache: JSON that carries a version of its layout."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson

from src.usecases.ports.cache import ReadThroughCache, Values

ROW_VERSION = 1
"""Raise it when a cached column changes: releases with another version then read Postgres."""

Fields = dict[str, Any]
"""A cached row: its columns as JSON has them, so that ids and times are strings."""


async def read_through(
    cache: ReadThroughCache,
    keys: Sequence[str],
    load: Callable[[], Awaitable[Sequence[Fields] | None]],
) -> list[Fields] | None:
    """Return one row for each key: from the cache if it has them all, else from `load`.

    `load` returns the rows in the order of the keys, or None if a row is missing.
    """

    async def load_json() -> Values:
        rows = await load()
        return None if rows is None else [_format(row) for row in rows]

    values = await cache.get_or_load(keys, load_json)
    if values is None:
        return None
    rows = [_parse(value) for value in values]
    if all(rows):
        return rows
    # At least one value is not a row of this version: another release cached it.
    loaded = await load_json()
    return None if loaded is None else [_parse(value) for value in loaded]


def _format(row: Fields) -> bytes:
    # asyncpg has a UUID class of its own, which orjson can only write as text.
    return orjson.dumps({"row_version": ROW_VERSION, **row}, default=str)


def _parse(value: bytes) -> Fields:
    """Return a row, or {} for a value that is not a row of this version."""
    try:
        row = orjson.loads(value)
    except ValueError:
        return {}
    if not isinstance(row, dict) or row.get("row_version") != ROW_VERSION:
        return {}
    return row
