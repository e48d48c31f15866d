"""Fixtures for tests of the migrations: an image with revisions of its own, and a database."""

from pathlib import Path

import pytest

from src.config import PostgresSettings
from tests.support.images import Image


@pytest.fixture
def image(empty_database: PostgresSettings, tmp_path: Path) -> Image:
    """The revisions of the service on an empty database, without revisions of the test yet."""
    return Image(tmp_path / "image")


@pytest.fixture
def older_image(empty_database: PostgresSettings, tmp_path: Path) -> Image:
    """An image without the revisions that `image` gets."""
    return Image(tmp_path / "older")
