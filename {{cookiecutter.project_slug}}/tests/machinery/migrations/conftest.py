"""Fixtures for tests of the migrations: an image with revisions of its own, and a database.

The tests are no coroutines, because a migration runs an event loop of its own.
"""

import asyncio
from pathlib import Path

import pytest

from src.config import PostgresSettings
from tests.support import isolation
from tests.support.images import Image, Sql


@pytest.fixture
def image(empty_database: PostgresSettings, tmp_path: Path) -> Image:
    """The revisions of the service on an empty database, without revisions of the test yet."""
    return Image(tmp_path / "image")


@pytest.fixture
def older_image(empty_database: PostgresSettings, tmp_path: Path) -> Image:
    """An image without the revisions that `image` gets."""
    return Image(tmp_path / "older")


@pytest.fixture
def migrated(image: Image) -> Image:
    """The image. The revisions of the service are applied."""
    image.must("upgrade", "head")
    return image


@pytest.fixture
def sql(empty_database: PostgresSettings) -> Sql:
    """A function that runs a statement and returns the first column of its rows."""
    return lambda statement: asyncio.run(isolation.fetch(empty_database, statement))
