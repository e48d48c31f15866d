"""A month with a service: the documents' own commands, in the order in which an owner needs them.

Each step starts from the state that the step before left.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT, SERVICE
from tests.developer import Developer
from tests.test_hooks import settings_of
from tests.test_updates import create, renew
from tools.common.files import replace_once
from tools.documents.page import Page
from tools.servers.clients import postgres_connection
from tools.servers.namespace import Namespace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.conftest import CommandLine
    from tools.servers.running import Servers

TABLE = '''"""The table `parcels`."""

from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from src.repositories.postgres.base import Base


class ParcelRow(Base):
    """A parcel on its way to a user."""

    __tablename__ = "parcels"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    address: Mapped[str]
'''
CONSUMER = '''"""A consumer of another service's event."""

from uuid import UUID

from pydantic import BaseModel

from src.consumers.subscription import Subscription
from src.domain.notification import Notification
from src.usecases.ports.unit_of_work import UnitOfWork


class OrderPlacedV1(BaseModel):
    """The fields of the event that this consumer needs."""

    user_id: UUID


async def thank(event: OrderPlacedV1, uow: UnitOfWork) -> None:
    """Write a notification for the user who placed an order."""
    await uow.notifications.create_notification(Notification.welcome(event.user_id, uow.now))


subscription = Subscription("order.placed.v1", OrderPlacedV1, thank)
'''
NEW_INDEX = '''"""Index notifications by their age."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_notifications_created_at",
            "notifications",
            ["created_at"],
            if_not_exists=True,
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.drop_index("ix_notifications_created_at", "notifications")
'''
INSERT = "INSERT INTO parcels VALUES (gen_random_uuid(), 'here') RETURNING address"
# An answer to each question of `cruft create`.
DEFAULTS = "\n" * 20


async def execute(settings: Mapping[str, str], statement: str) -> list[str]:
    """Run a statement on the service's database and return the first column of its rows."""
    async with postgres_connection(settings) as connection:
        return [row[0] for row in await connection.fetch(statement)]


class Month:
    """The steps of the month, each a method."""

    def __init__(self, owner: Developer, template: Path, commit: CommandLine) -> None:
        """Let the owner use a template that is a repository on this machine."""
        self.owner = owner
        self.template = template
        self.commit_template = commit.commit
        self.updating = self.updating_page()

    def updating_page(self, **placeholders: str) -> Page:
        """Return the template's page on updates."""
        names = {"https://github.com/ORG/REPO": str(self.template), **placeholders}
        return Page(ROOT / "docs/updating.md", names)

    def start(self) -> None:
        """Render with cruft, set up, commit, install the hooks."""
        self.owner.play(self.updating, "Start", typed=DEFAULTS)
        assert self.owner.uncommitted() == []
        assert {".cruft.json", "uv.lock", ".template.json"} <= self.owner.tracked()
        assert ".env" not in self.owner.tracked()
        self.owner.play(self.owner.page("docs/maintenance.md"), "A new clone")

    def add_a_table(self) -> None:
        """Follow "Migrations" of docs/postgres.md."""
        page = self.owner.page("docs/postgres.md")
        self.owner.write("src/repositories/parcels.py", TABLE)
        self.owner.play(page, "Migrations", 1)
        self.owner.play(page, "Migrations", 2)
        self.owner.commit("Add parcels")

    def add_a_consumer(self) -> None:
        """Write the one file that the README names."""
        self.owner.write("src/consumers/thank.py", CONSUMER)
        self.owner.run("make", "check")
        self.owner.commit("Thank for orders")

    def switch_redis(self, *, on: bool) -> None:
        """Follow "Switch an option on or off" of the template's page."""
        answer = {'{"use_redis": false}': json.dumps({"use_redis": on})}
        page = self.updating_page(**answer)
        self.owner.play(page, "Switch an option on or off")
        self.finish_update(page)
        assert ("redis" in (self.owner.folder / "docker-compose.yml").read_text("utf-8")) == on

    def finish_update(self, page: Page, *, exit_code: int = 0) -> None:
        """Check the service and commit the update."""
        self.owner.play(page, "Take a newer version", 2, exit_code=exit_code)
        self.owner.play(page, "Take a newer version", 3)
        assert self.owner.uncommitted() == []
        assert "up to date" in self.owner.run("uvx", "cruft==2.16.0", "check")
        self.owner.run("make", "lint")

    def take_a_newer_version(self) -> None:
        """Convert Windows line endings, resolve a conflict, and join two heads."""
        page = self.updating
        self.owner.edit("Makefile", "## List the commands", "## What there is")
        self.owner.commit("Say what there is")
        self.owner.edit("README.md", "\n", "\r\n")
        (self.owner.folder / ".gitattributes").unlink()
        self.owner.commit("Edit the README on Windows")
        self.publish()
        self.owner.play(page, "Take a newer version", 1)
        overlooked = self.owner.play(page, "Resolve conflicts", 1, exit_code=2)
        assert "README.md:1: leftover conflict marker" in overlooked
        self.owner.play(page, "Resolve conflicts", 2)
        assert self.owner.uncommitted() == []
        self.owner.play(page, "Resolve conflicts", 3)
        self.owner.play(page, "Take a newer version", 1)
        marked = [line for line in self.owner.uncommitted() if line[:2] in {"UU", "??"}]
        assert marked == ["UU Makefile"]
        assert "Makefile" in self.owner.play(page, "Resolve conflicts", 1, exit_code=2)
        self.owner.keep_own_lines("Makefile")
        assert self.owner.play(page, "Resolve conflicts", 1) == ""
        refused = self.owner.play(page, "Take a newer version", 2, exit_code=2)
        assert "The migrations have several heads: " in refused
        self.owner.play(self.owner.page("docs/postgres.md"), "Two heads")
        self.finish_update(page)

    def publish(self) -> None:
        """Publish a template with a new option, a changed line and a migration."""
        renew(self.template)
        service = self.template / SERVICE.name
        (service / "migrations/versions/2026_12_01_0002_new_index.py").write_text(NEW_INDEX)
        replace_once(
            service / "src/repositories/notifications.py",
            (
                "created_at: Mapped[datetime]",
                "created_at: Mapped[datetime] = mapped_column(index=True)",
            ),
        )
        self.commit_template(self.template)

    def release(self) -> None:
        """Follow "Change a package" and "Release a version"."""
        page = self.owner.page("docs/maintenance.md")
        self.owner.edit("pyproject.toml", '    "httpx2==', '    "humanize==4.17.0",\n    "httpx2==')
        self.owner.play(page, "Change a package")
        self.owner.run("git", "commit", "--message", "Format for people")
        self.owner.play(page, "Release a version")
        assert self.owner.uncommitted() == []
        assert self.owner.run("git", "tag") == "v1.2.0"
        for name in ("pyproject.toml", "uv.lock", "docs/asyncapi.yaml"):
            assert "1.2.0" in (self.owner.folder / name).read_text(encoding="utf-8")

    def welcome(self, colleague: Developer) -> None:
        """Clone the service on the owner's machine: the first thing that a new colleague does."""
        colleague.folder.parent.mkdir()
        self.owner.run("git", "clone", "--quiet", ".", str(colleague.folder))
        colleague.environment["UV_LOCKED"] = "1"
        colleague.play(colleague.page("docs/maintenance.md"), "A new clone")
        assert colleague.uncommitted() == []
        names = [settings_of(it.folder / ".env") for it in (self.owner, colleague)]
        assert names[0]["SECURITY_SECRET_KEY"] != names[1]["SECURITY_SECRET_KEY"]
        colleague.run("make", "check")

    def share_a_package(self, colleague: Developer) -> None:
        """Let the owner change uv.lock alone, and the colleague pull."""
        self.owner.run(".venv/bin/uv", "lock", "--upgrade-package", "idna==3.19")
        self.owner.commit("Use another version")
        colleague.run("git", "pull", "--quiet")
        colleague.play(colleague.page("docs/maintenance.md"), "After each pull")
        assert "idna==3.19" in colleague.run(".venv/bin/uv", "pip", "list", "--format", "freeze")


@pytest.mark.timeout(1200)
def test_a_month_of_an_owner_and_a_colleague(
    command_line: CommandLine, template_repository: Path, servers: Servers, tmp_path: Path
) -> None:
    namespace = Namespace(servers.environment())
    asyncio.run(namespace.create())
    try:
        owner = Developer("ada", tmp_path / "user-service", namespace.settings)
        month = Month(owner, template_repository, command_line)
        month.start()
        month.add_a_table()
        asyncio.run(execute(namespace.settings, INSERT))
        month.add_a_consumer()
        month.switch_redis(on=False)
        month.switch_redis(on=True)
        month.take_a_newer_version()
        month.release()
        colleague = Developer("bob", tmp_path / "colleague/user-service", namespace.settings)
        month.welcome(colleague)
        month.share_a_package(colleague)
        unplayed = {block.heading for block in month.updating.unplayed}
        # The second block of "Start" links a service: tests/test_updates.py plays it.
        assert unplayed == {"Start", "Switch an option on or off"}
        assert asyncio.run(execute(namespace.settings, "SELECT address FROM parcels")) == ["here"]
    finally:
        asyncio.run(namespace.remove())


def test_a_change_that_fits_nowhere_is_found_and_starting_over_removes_it(
    command_line: CommandLine, template_repository: Path
) -> None:
    """The file was edited before the first commit, so git cannot merge the template's change."""
    owner = Developer("ada", create(command_line, template_repository).folder, {})
    shutil.rmtree(owner.folder / ".git")
    owner.edit("Makefile", "## List the commands", "## What there is")
    command_line.commit(owner.folder)
    renew(template_repository)
    command_line.commit(template_repository)
    page = Page(ROOT / "docs/updating.md")
    owner.play(page, "Take a newer version", 1)
    assert owner.play(page, "Resolve conflicts", 1) == "Makefile.rej\n"
    owner.play(page, "Resolve conflicts", 2)
    assert owner.uncommitted() == ["?? uv.lock"]  # by the first `make setup` of this service
