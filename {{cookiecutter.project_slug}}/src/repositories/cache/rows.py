"""Rows in the cache: JSON that carries a version of its layout."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any
from zlib import crc32

import orjson

from src.usecases.ports.cache import ReadThroughCache, Values

Fields = dict[str, Any]
"""A cached row: its columns as JSON has them, so that ids and times are strings."""


def row_version(columns: Iterable[str]) -> int:
    """Return the version of a layout, derived from the names of its columns.

    A release with other columns then reads Postgres. To change what a column means, rename it.
    """
    return crc32(",".join(columns).encode())


async def read_through(
    cache: ReadThroughCache,
    keys: Sequence[str],
    load: Callable[[], Awaitable[Sequence[Fields] | None]],
    *,
    version: int,
) -> list[Fields] | None:
    """Return one row for each key: from the cache if it has them all, else from `load`.

    `load` returns the rows in the order of the keys, or None if a row is missing. `version` comes
    from `row_version`.
    """

    async def load_json() -> Values:
        rows = await load()
        return None if rows is None else [_format(row, version) for row in rows]

    values = await cache.get_or_load(keys, load_json)
    if values is None:
        return None
    rows = [_parse(value, version) for value in values]
    if all(rows):
        return rows
    # At least one value is not a row of this version: another release cached it.
    loaded = await load_json()
    return None if loaded is None else [_parse(value, version) for value in loaded]


def _format(row: Fields, version: int) -> bytes:
    # asyncpg has a UUID class of its own, which orjson can only write as text.
    return orjson.dumps({"row_version": version, **row}, default=str)


def _parse(value: bytes, version: int) -> Fields:
    """Return a row, or {} for a value that is not a row of this version."""
    try:
        row = orjson.loads(value)
    except ValueError:
        return {}
    if not isinstance(row, dict) or row.get("row_version") != version:
        return {}
    return row
