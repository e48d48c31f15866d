"""What `make migration` writes: a model anywhere in `src`, enums, and no drop of other tables."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from src.config import PostgresSettings
from src.repositories.postgres.base import Base
from tests.support import isolation
from tests.support.images import Image, Sql
from tests.support.projects import Project

MODEL = '''"""The table `parcels`."""

import enum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from src.repositories.postgres.base import Base


class Size(enum.Enum):
    """The size of a parcel."""

    small = "small"
    large = "large"


class ParcelRow(Base):
    """A parcel on its way to a user."""

    __tablename__ = "parcels"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    size: Mapped[Size]
    tags: Mapped[list[str]] = mapped_column(ARRAY(String))
    details: Mapped[dict[str, Any]] = mapped_column(server_default="{ %s }")
''' % (" " * 88)


@pytest.fixture
def parcels() -> Iterator[sa.Table]:
    """A table of the service that no revision creates yet."""
    table = sa.Table("parcels", Base.metadata, sa.Column("id", sa.Integer, primary_key=True))
    yield table
    Base.metadata.remove(table)


def column(name: str, *labels: str) -> sa.Column[str]:
    """Return a column of an enum. Its type has the name of the column."""
    return sa.Column(name, sa.Enum(*labels, name=name))


async def test_a_model_in_a_new_folder_is_found_and_its_revision_passes_the_linters(
    empty_database: PostgresSettings, tmp_path: Path
) -> None:
    await asyncio.to_thread(isolation.migrate, "head")
    project = Project(tmp_path / "service")
    project.write("src/parcels/tables.py", MODEL)

    message = "add parcels \u2013 " * 10
    await project.must("-m", "alembic", "revision", "--autogenerate", "--message", message)

    (file,) = (project.folder / "migrations/versions").glob("*_add_parcels*.py")
    assert 'create_table(\n        "parcels"' in file.read_text(encoding="utf-8")
    await project.must("-m", "ruff", "format", "--check", "migrations")
    await project.must("-m", "ruff", "check", "migrations")
    await project.must("scripts/check_migrations.py")


def test_enums_of_new_tables_and_new_columns_go_up_down_and_up(
    migrated: Image, parcels: sa.Table
) -> None:
    parcels.append_column(column("size", "small", "it's large"))
    assert "CREATE TYPE size" in migrated.generate("table")
    migrated.must("upgrade", "head")
    parcels.append_column(sa.Column("second_size", parcels.columns["size"].type))
    parcels.append_column(column("colour", "red"))

    written = migrated.generate("columns")

    assert "CREATE TYPE colour" in written
    assert "CREATE TYPE size" not in written
    for command in ("upgrade head", "downgrade base", "upgrade head", "check"):
        migrated.must(*command.split())


def test_a_drop_is_proposed_of_a_table_that_a_revision_created_and_of_no_other(
    migrated: Image, sql: Sql
) -> None:
    sql("CREATE TABLE spatial_ref_sys (id int)")
    migrated.must("check")
    migrated.add("table", 'op.create_table("parcels", sa.Column("id", sa.Integer()))')
    migrated.must("upgrade", "head")

    upgrade = migrated.generate("drop").partition("def downgrade")[0]

    assert upgrade.count("drop_table") == 1
    assert "op.drop_table('parcels')" in upgrade
