"""What `make migration` writes: a model anywhere in `src`, enums, and nothing that is not ours."""

import asyncio
from pathlib import Path

import pytest

from src.config import PostgresSettings
from tests.support import isolation
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
    details: Mapped[dict[str, Any]] = mapped_column(server_default="{DEFAULT}")
'''.replace("{DEFAULT}", "{}" + " " * 90)
ADDED = "    size: Mapped[Size]\n"
SECOND = f"{ADDED}    second_size: Mapped[Size | None]\n    colour: Mapped[Colour | None]\n"
COLOUR = '''class Colour(enum.Enum):
    """The colour of a parcel."""

    red = "red"


class ParcelRow'''
GENERATE = "revision --autogenerate --message"
# Several commands in one process, which takes seconds to start.
ALEMBIC = "import sys, alembic.config as a; [a.main(argv=it.split()) for it in sys.argv[1:]]"


@pytest.fixture
async def project(empty_database: PostgresSettings, tmp_path: Path) -> Project:
    """A copy of the service, on a database that has its migrations and a table of a tool."""
    await asyncio.to_thread(isolation.migrate, "head")
    await isolation.execute(empty_database, "CREATE TABLE spatial_ref_sys (id int)")
    return Project(tmp_path / "service")


def revision(project: Project, message: str) -> str:
    """Return the text of the revision with this message."""
    (file,) = (project.folder / "migrations/versions").glob(f"*_{message}*.py")
    return file.read_text(encoding="utf-8")


async def test_a_model_in_a_new_folder_is_found_and_its_enums_go_up_down_and_up(
    project: Project,
) -> None:
    project.write("src/parcels/tables.py", MODEL)
    await project.must("-m", "alembic", *GENERATE.split(), "add parcels \u2013 " * 10)
    assert 'create_table(\n        "parcels"' in revision(project, "add_parcels")

    project.replace("src/parcels/tables.py", "class ParcelRow", COLOUR)
    project.replace("src/parcels/tables.py", ADDED, SECOND)
    up_down_up = ("upgrade head", "downgrade base", "upgrade head", "check")
    await project.must("-c", ALEMBIC, "upgrade head", f"{GENERATE} more", *up_down_up)

    assert "CREATE TYPE colour" in revision(project, "more")
    await project.must("-m", "ruff", "format", "--check", "migrations")
    await project.must("-m", "ruff", "check", "migrations")
    await project.must("scripts/check_migrations.py")


async def test_a_drop_is_proposed_of_a_table_that_a_revision_created_and_of_no_other(
    project: Project,
) -> None:
    project.write("src/parcels/tables.py", MODEL)
    await project.must("-c", ALEMBIC, f"{GENERATE} add", "upgrade head")
    assert "drop_table" not in revision(project, "add").partition("def downgrade")[0]
    (project.folder / "src/parcels/tables.py").unlink()

    await project.must("-c", ALEMBIC, f"{GENERATE} remove")

    upgrade = revision(project, "remove").partition("def downgrade")[0]
    assert upgrade.count("drop_table") == 1
    assert 'op.drop_table("parcels")' in upgrade
