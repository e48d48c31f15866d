from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from src.repositories.cache.rows import Fields, read_through, row_version
from tests.fakes.cache import InMemoryCache

VERSION = row_version(["name"])
ROW = {"id": UUID(int=7), "at": datetime(2026, 1, 1, tzinfo=UTC), "gone": None, "ok": True}


class Table:
    """Rows, and how often they were read. No rows stand for a missing row."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = list(rows)
        self.reads = 0

    async def load(self) -> list[Fields] | None:
        self.reads += 1
        return self.rows or None


async def columns(cache: InMemoryCache, keys: list[str], table: Table) -> list[Fields]:
    """Read rows through the cache, and return them without their version."""
    rows = await read_through(cache, keys, table.load, version=VERSION)
    assert rows is not None
    return [{name: row[name] for name in row if name != "row_version"} for row in rows]


async def test_a_loaded_row_and_a_cached_row_look_the_same() -> None:
    cache = InMemoryCache()
    table = Table(ROW)

    loaded = await read_through(cache, ["row"], table.load, version=VERSION)
    cached = await read_through(cache, ["row"], table.load, version=VERSION)

    assert loaded == cached
    assert table.reads == 1
    assert await columns(cache, ["row"], table) == [
        {"id": str(UUID(int=7)), "at": "2026-01-01T00:00:00+00:00", "gone": None, "ok": True}
    ]


def test_a_layout_with_another_column_has_another_version() -> None:
    assert row_version(["id", "email"]) != row_version(["id", "email", "name"])
    assert row_version(["id", "email"]) != row_version(["id", "mail"])


async def test_a_missing_row_is_read_from_the_database_each_time() -> None:
    cache = InMemoryCache()
    table = Table()

    for _ in range(2):
        assert await read_through(cache, ["row"], table.load, version=VERSION) is None

    assert table.reads == 2


@pytest.mark.parametrize("version", [VERSION - 1, VERSION + 1])
async def test_a_row_of_another_version_is_read_from_the_database_and_stays_cached(
    version: int,
) -> None:
    cache = InMemoryCache()
    of_another_release = orjson.dumps({"row_version": version, "title": "old"})
    cache.values["one"] = of_another_release
    cache.values["two"] = orjson.dumps({"row_version": VERSION, "name": "other"})

    rows = await columns(cache, ["one", "two"], Table({"name": "new"}, {"name": "other"}))

    assert rows == [{"name": "new"}, {"name": "other"}]
    assert cache.values["one"] == of_another_release


@pytest.mark.parametrize("value", [b"{}", b"[]", b"null", b'"text"', b"no JSON", b"\xff"])
async def test_a_value_that_is_no_row_is_read_from_the_database(value: bytes) -> None:
    cache = InMemoryCache()
    cache.values["row"] = value

    assert await columns(cache, ["row"], Table({"name": "new"})) == [{"name": "new"}]


async def test_a_row_of_another_version_that_was_deleted_since_is_missing() -> None:
    cache = InMemoryCache()
    cache.values["row"] = orjson.dumps({"row_version": VERSION + 1})

    assert await read_through(cache, ["row"], Table().load, version=VERSION) is None
