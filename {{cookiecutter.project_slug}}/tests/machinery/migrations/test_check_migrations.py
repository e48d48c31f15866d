"""`make lint` refuses two heads and statements that block the service, by name."""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.images import Outcome, own_head, revision_text
from tests.support.projects import Project

BLOCKING = 'op.create_index("ix_users_version", "users", ["version"])'
EXCEPTIONS = "[tool.squawk]\nexceptions = ["
Check = Callable[[], Outcome]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A copy of the service. No server is needed."""
    return Project(tmp_path / "service")


@pytest.fixture
def check(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Check:
    """The script of the project, in this process: a new one takes seconds to start."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    def run() -> Outcome:
        script = runpy.run_path(str(project.folder / "scripts/check_migrations.py"))
        try:
            return Outcome(script["main"](), capsys.readouterr().out)
        except SystemExit as error:
            return Outcome(1, str(error.code))

    return run


def add(project: Project, name: str, *upgrade: str, after: str | tuple[str, ...] = "") -> str:
    """Add a revision after another one, by default the last of the service. Return its file."""
    file = f"migrations/versions/{name}.py"
    project.write(file, revision_text(name, upgrade, ("pass",), after or own_head()))
    return file


def test_a_statement_that_blocks_a_table_is_refused_with_its_revision_and_rule(
    project: Project,
    check: Check,
) -> None:
    file = add(project, "index", BLOCKING)

    outcome = check()

    assert outcome.code == 1
    assert f"{file}: require-concurrent-index-creation: " in outcome.message
    assert "[tool.squawk], exceptions" in outcome.message


def test_a_step_that_could_not_run_again_is_refused(project: Project, check: Check) -> None:
    """An autocommit block commits what the revision did before."""
    block = "with op.get_context().autocommit_block(): op.execute('VACUUM users')"
    file = add(project, "block", "ALTER TABLE users ADD COLUMN nickname VARCHAR", block)

    assert f"{file}: prefer-robust-stmts: " in check().message


def test_a_revision_that_pyproject_toml_lists_is_not_read(project: Project, check: Check) -> None:
    add(project, "index", BLOCKING)
    listed = '{ revision = "index", reason = "the table is empty" },'
    project.replace("pyproject.toml", EXCEPTIONS, EXCEPTIONS + listed)

    assert check().code == 0


@pytest.mark.parametrize(
    "entry",
    ['{ revision = "no-such" , reason = "x" }', '{ revision = "index" }', '"index"'],
    ids=["unknown", "incomplete", "no-table"],
)
def test_a_wrong_exception_is_shown(project: Project, check: Check, entry: str) -> None:
    add(project, "index", BLOCKING)
    project.replace("pyproject.toml", EXCEPTIONS, f"{EXCEPTIONS}{entry},")

    outcome = check()

    assert outcome.code == 1
    assert outcome.message.startswith("pyproject.toml: ")


def test_two_heads_are_refused_by_name_and_joined_ones_are_good(
    project: Project, check: Check
) -> None:
    add(project, "one", "CREATE TABLE one ()")
    add(project, "two", "CREATE TABLE two ()")

    outcome = check()

    assert outcome.code == 1
    assert "The migrations have several heads: one, two." in outcome.message
    assert "alembic merge heads" in outcome.message

    add(project, "joined", after=("one", "two"))
    assert check().code == 0


def test_a_revision_that_has_no_sql_without_a_database_is_named(
    project: Project, check: Check
) -> None:
    file = add(project, "reads", "op.get_bind().execute(sa.text('SELECT 1')).scalar()")

    outcome = check()

    assert outcome.code == 1
    assert f"{file} cannot be printed as SQL: AttributeError" in outcome.message
