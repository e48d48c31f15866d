"""Updates: a service takes a newer template or another option, and keeps its owner's changes."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.developer import Developer
from tests.test_hooks import OF_THIS_MACHINE, files_of, init_env
from tools.common.files import replace_once
from tools.documents.page import Page

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import CommandLine, Render

CRUFT = (sys.executable, "-m", "cruft")
USE_CASE = '''"""Show the number of users."""

from dataclasses import dataclass

import humanize


@dataclass(frozen=True, kw_only=True)
class CountUsers:
    """Format the number of users for people."""

    async def execute(self, *, users: int) -> str:
        """Return the number as text."""
        return humanize.intcomma(users)
'''
TEST = """from src.usecases.accounts.count_users import CountUsers


async def test_users_are_counted_for_people() -> None:
    assert await CountUsers().execute(users=12345) == "12,345"
"""
OWN_FILES = {
    "src/usecases/accounts/count_users.py": USE_CASE,
    "tests/unit/accounts/test_count_users.py": TEST,
}


class Owned:
    """A service that its owner has edited since it was rendered."""

    def __init__(self, command_line: CommandLine, folder: Path) -> None:
        """Add a use case with its test and a dependency, change a default, and commit all."""
        self._line = command_line
        self.folder = folder
        assert init_env(folder).returncode == 0
        for name, text in OWN_FILES.items():
            (folder / name).write_text(text, encoding="utf-8")
        self.edit("pyproject.toml", '    "orjson==', '    "humanize==4.17.0",\n    "orjson==')
        self.edit("src/config.py", "pool_size: PositiveInt = 10", "pool_size: PositiveInt = 7")
        for name in OF_THIS_MACHINE:
            (folder / name).write_text("# mine\n", encoding="utf-8")
        command_line.commit(folder)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text in a rendered file."""
        replace_once(self.folder / name, (old, new))

    def update(self, **options: object) -> None:
        """Update to the newest template, with changed options if any are given."""
        variables = ("--variables-to-update", json.dumps(options)) if options else ()
        done = self._line.run(*CRUFT, "update", "--skip-apply-ask", *variables, cwd=self.folder)
        assert done.returncode == 0, done.stdout + done.stderr
        assert [path.name for path in self.folder.rglob("*.rej")] == []
        assert "<<<<<<<" not in (self.folder / "pyproject.toml").read_text(encoding="utf-8")

    def files(self) -> dict[str, tuple[int, bytes]]:
        """Map each file outside .git to its mode and content."""
        return {n: file for n, file in files_of(self.folder).items() if not n.startswith(".git/")}

    def assert_own(self) -> None:
        """Check that all of the owner's changes are there."""
        texts = {name: content.decode() for name, (_, content) in self.files().items()}
        assert {name: texts[name] for name in OWN_FILES} == OWN_FILES
        assert {texts[name] for name in OF_THIS_MACHINE} == {"# mine\n"}
        assert '"humanize==4.17.0"' in texts["pyproject.toml"]
        assert "pool_size: PositiveInt = 7" in texts["src/config.py"]

    def assert_rest_is(self, service: Path) -> None:
        """Check that all files without the owner's changes are those of a new service."""
        edited = {"pyproject.toml", "src/config.py"}
        mine = {*OWN_FILES, *OF_THIS_MACHINE, *edited, ".cruft.json", ".template.json"}
        updated = self.files()
        expected = files_of(service)
        names = updated.keys() - mine
        assert names == expected.keys() - mine
        assert [name for name in names if updated[name][1] != expected[name][1]] == []


def create(command_line: CommandLine, template: Path, **answers: object) -> Owned:
    """Render with cruft and make the owner's changes."""
    folder = command_line.home.parent / "user-service"
    words = (*CRUFT, "create", template, "--no-input", "--output-dir", folder.parent)
    done = command_line.run(*words, "--extra-context", json.dumps(answers))
    assert done.returncode == 0, done.stdout + done.stderr
    return Owned(command_line, folder)


def renew(template: Path) -> None:
    """Change the template as a release does: add an option, rename a file, change lines."""
    service = template / "{{cookiecutter.project_slug}}"
    questions = template / "cookiecutter.json"
    asked = '  "use_tips": "no",\n  "__check_use_tips": "{{ check(cookiecutter) }}",\n'
    licence = '  "license": "MIT",\n'
    replace_once(questions, (licence, asked + licence))
    choices = '  "_choices": {\n'
    replace_once(questions, (choices, choices + '    "use_tips": ["yes", "no"],\n'))
    manifest = "MANIFEST: dict[tuple[str, object], tuple[str, ...]] = {\n"
    paths = '    ("use_tips", True): ("docs/tips.md",),\n'
    replace_once(template / "hooks/post_gen_project.py", (manifest, manifest + paths))
    (service / "docs/tips.md").write_text("# Tips\n", encoding="utf-8")
    (service / "docs/messaging.md").rename(service / "docs/events.md")
    for path in service.rglob("*.md"):
        text = path.read_text(encoding="utf-8").replace("docs/messaging.md", "docs/events.md")
        path.write_text(text, encoding="utf-8")
    linked = "# {% if cookiecutter.use_tips %}\n[Tips](docs/tips.md).\n\n# {% endif %}\n"
    replace_once(service / "README.md", ("## First run\n", f"{linked}## First run\n"))
    replace_once(service / "Makefile", ("## List the commands", "## Show the commands"))


def test_after_an_update_a_service_has_the_newer_templates_files(
    command_line: CommandLine, template_repository: Path
) -> None:
    """First with the new option's default, then with the option chosen.

    tests/test_month.py runs the checks of an updated service.
    """
    owned = create(command_line, template_repository)
    renew(template_repository)
    command_line.commit(template_repository)
    for has_tips in (False, True):
        owned.update(**{"use_tips": True} if has_tips else {})
        owned.assert_own()
        readme = (owned.folder / "README.md").read_text(encoding="utf-8")
        assert ("[Tips]" in readme) == has_tips
        documents = {path.name for path in (owned.folder / "docs").iterdir()}
        assert ("tips.md" in documents) == has_tips
        assert "events.md" in documents
        assert "messaging.md" not in documents
        command_line.commit(owned.folder)

    assert "## Show the commands" in (owned.folder / "Makefile").read_text(encoding="utf-8")
    new = command_line.home.parent / "new"
    words = (sys.executable, "-m", "cookiecutter", template_repository, "--no-input")
    done = command_line.run(*words, "--output-dir", new, "use_tips=yes")
    assert done.returncode == 0, done.stdout + done.stderr
    owned.assert_rest_is(new / "user-service")


@pytest.mark.parametrize("chosen", [True, False], ids=["on", "off"])
@pytest.mark.parametrize("option", ["use_redis", "use_rabbitmq"])
def test_an_option_that_is_switched_later_gives_the_files_of_a_new_service(
    command_line: CommandLine,
    template_repository: Path,
    render: Render,
    option: str,
    *,
    chosen: bool,
) -> None:
    """Apart from the owner's changes. tests/test_variants.py runs the suite of the new service."""
    owned = create(command_line, template_repository, **{option: not chosen})
    owned.update(**{option: chosen})

    owned.assert_own()
    owned.assert_rest_is(render(**{option: chosen}))
    text = (owned.folder / "pyproject.toml").read_text(encoding="utf-8")
    dependency = {"use_redis": "redis", "use_rabbitmq": "aio-pika"}[option]
    assert bool(re.search(rf'"{dependency}[\[=]', text)) == chosen


def test_a_line_that_owner_and_template_changed_is_a_git_conflict_in_that_file_only(
    command_line: CommandLine, template_repository: Path
) -> None:
    owned = create(command_line, template_repository)
    owned.edit("Makefile", "## List the commands", "## What there is")
    command_line.commit(owned.folder)
    renew(template_repository)
    command_line.commit(template_repository)
    words = (*CRUFT, "update", "--skip-apply-ask")
    command_line.run(*words, cwd=owned.folder)

    status = command_line.run("git", "status", "--short", cwd=owned.folder).stdout.splitlines()
    assert [line[3:] for line in status if line.startswith("UU")] == ["Makefile"]
    text = (owned.folder / "Makefile").read_text(encoding="utf-8")
    for words_of_one in ("<<<<<<<", "## What there is", "## Show the commands", ">>>>>>>"):
        assert words_of_one in text
    owned.assert_own()


def test_a_service_rendered_without_cruft_can_be_linked_as_the_page_says_and_then_updated(
    command_line: CommandLine, template_repository: Path
) -> None:
    """`cruft link` records the commit it was rendered from; the next update starts there."""
    parent = command_line.home.parent
    plain = (sys.executable, "-m", "cookiecutter", template_repository, "--no-input")
    done = command_line.run(*plain, "--output-dir", parent, "use_redis=no")
    assert done.returncode == 0, done.stdout + done.stderr
    owned = Owned(command_line, parent / "user-service")
    page = Page(
        ROOT / "docs/updating.md", {"https://github.com/ORG/REPO": str(template_repository)}
    )
    Developer("ada", owned.folder, {}).play(page, "Start", 2)
    renew(template_repository)
    command_line.commit(template_repository)
    owned.update()
    owned.assert_own()
    assert (owned.folder / "docs/events.md").exists()
    assert not (owned.folder / "docs/cache.md").exists()
