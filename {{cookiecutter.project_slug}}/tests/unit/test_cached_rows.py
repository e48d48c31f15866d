from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from src.repositories.db.cached import SHAPE, read_through
from tests.fakes.cache import InMemoryCache

ROW = {"id": UUID(int=7), "at": datetime(2026, 1, 1, tzinfo=UTC), "gone": None, "ok": True}


class Table:
    """Counts how often it is read."""

    def __init__(self, *rows: dict[str, Any] | None) -> None:
        self.rows = list(rows)
        self.reads = 0

    async def load(self) -> list[dict[str, Any] | None]:
        self.reads += 1
        return self.rows


def without_shape(row: dict[str, Any] | None) -> dict[str, Any] | None:
    return row and {name: value for name, value in row.items() if name != "shape"}


async def test_a_row_looks_the_same_whether_loaded_or_cached() -> None:
    cache, table = InMemoryCache(), Table(ROW)

    loaded, cached = [await read_through(cache, ["row"], table.load) for _ in range(2)]

    assert loaded == cached
    assert table.reads == 1
    assert without_shape(cached[0]) == {
        "id": str(UUID(int=7)),
        "at": "2026-01-01T00:00:00+00:00",
        "gone": None,
        "ok": True,
    }


async def test_a_row_that_is_not_there_is_looked_for_again() -> None:
    cache, table = InMemoryCache(), Table(None)

    for _ in range(2):
        assert await read_through(cache, ["row"], table.load) == [None]

    assert table.reads == 2


@pytest.mark.parametrize("shape", [SHAPE - 1, SHAPE + 1])
async def test_a_row_that_another_release_cached_is_read_from_the_database(shape: int) -> None:
    cache, table = InMemoryCache(), Table({"name": "new"}, {"name": "other"})
    cache.values["one"] = orjson.dumps({"shape": shape, "title": "old"})
    cache.values["two"] = orjson.dumps({"shape": SHAPE, "name": "other"})

    rows = await read_through(cache, ["one", "two"], table.load)

    assert [without_shape(row) for row in rows] == [{"name": "new"}, {"name": "other"}]
    assert orjson.loads(cache.values["one"])["shape"] == shape


@pytest.mark.parametrize("value", [b"{}", b"[]", b"null", b'"text"', b"no JSON", b"\xff"])
async def test_what_is_no_row_is_read_from_the_database(value: bytes) -> None:
    cache, table = InMemoryCache(), Table({"name": "new"})
    cache.values["row"] = value

    [row] = await read_through(cache, ["row"], table.load)

    assert without_shape(row) == {"name": "new"}
