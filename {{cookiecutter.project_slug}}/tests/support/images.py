"""An image of the service that has more revisions than this one, for tests of migrations."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic.config import Config, main
from alembic.script import ScriptDirectory

from src.utils.settings import ROOT

Sql = Callable[[str], list[Any]]
"""Runs a statement on the database of the image, and returns the first column of its rows."""
OWN_VERSIONS = ROOT / "migrations" / "versions"
INI = """\
[alembic]
script_location = {migrations}
version_locations = {locations}
path_separator = os
prepend_sys_path = {root}
"""
REVISION = '''"""A revision of a test."""

import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {after!r}
branch_labels = None
depends_on = None


def upgrade():
    {upgrade}


def downgrade():
    {downgrade}
'''


def own_head() -> str:
    """Return the last revision of the service."""
    head = ScriptDirectory.from_config(Config(ROOT / "alembic.ini")).get_current_head()
    assert head is not None
    return head


def revision_text(
    revision: str, upgrade: Sequence[str], downgrade: Sequence[str], after: str | tuple[str, ...]
) -> str:
    """Return the file of a revision. Its steps are Python, or SQL that begins in capitals."""
    return REVISION.format(
        revision=revision,
        after=after,
        upgrade="\n    ".join(map(_line, upgrade or ("pass",))),
        downgrade="\n    ".join(map(_line, downgrade)),
    )


@dataclass(frozen=True)
class Outcome:
    """The exit code and the message of a command that has ended."""

    code: int
    message: str


class Image:
    """The revisions of the service, and those that a test adds in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "versions"
        self._folder.mkdir(parents=True)
        self.ini = folder / "alembic.ini"
        locations = os.pathsep.join(map(str, (OWN_VERSIONS, self._folder)))
        self.ini.write_text(
            INI.format(migrations=ROOT / "migrations", locations=locations, root=ROOT)
        )
        self.own_head = own_head()

    def add(
        self,
        revision: str,
        *upgrade: str,
        downgrade: Sequence[str] = ("pass",),
        after: str | tuple[str, ...] | None = None,
    ) -> None:
        """Add a revision after another one, by default the last of the service."""
        text = revision_text(revision, upgrade, downgrade, after or self.own_head)
        (self._folder / f"{revision}.py").write_text(text, encoding="utf-8")

    def run(self, *words: str) -> Outcome:
        """Run a command of Alembic to its end, in this process: `image.run("upgrade", "head")`."""
        try:
            main(argv=["--config", str(self.ini), *words], prog="alembic")
        except SystemExit as error:
            return Outcome(1, str(error.code))
        return Outcome(0, "")

    def must(self, *words: str) -> None:
        """Run a command that must succeed."""
        assert self.run(*words) == Outcome(0, "")

    def generate(self, message: str) -> str:
        """Let Alembic write a revision, and return its text."""
        folder = str(self._folder)
        self.must("revision", "--autogenerate", "--message", message, "--version-path", folder)
        (file,) = self._folder.glob(f"*_{message}.py")
        return file.read_text(encoding="utf-8")


def _line(text: str) -> str:
    is_sql = text.split(maxsplit=1)[0].isupper()
    return f"op.execute({text!r})" if is_sql else text
