"""`.template.json`: a service knows what it was rendered from, and an update keeps that current."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from service_template.questions import RETIRED, VERSION
from service_template.record import source
from service_template.rules import RULES
from tests.conftest import ROOT
from tests.test_hooks import init_env
from tools.common.files import replace_once

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import CommandLine

CRUFT = (sys.executable, "-m", "cruft")


def record_of(service: Path) -> dict[str, Any]:
    """Read the record of a service."""
    record: dict[str, Any] = json.loads((service / ".template.json").read_text(encoding="utf-8"))
    return record


def head(command_line: CommandLine, repository: Path) -> str:
    """Return the commit of a repository."""
    return command_line.run("git", "rev-parse", "HEAD", cwd=repository).stdout.strip()


def render(command_line: CommandLine, template: Path, *answers: str) -> Path:
    """Render with cookiecutter alone."""
    words = (sys.executable, "-m", "cookiecutter", template, "--no-input")
    done = command_line.run(*words, "--output-dir", command_line.home.parent, *answers)
    assert done.returncode == 0, done.stdout + done.stderr
    return command_line.home.parent / "user-service"


def release(template: Path, version: str) -> None:
    """Give the template another version."""
    text = (template / "cookiecutter.json").read_text(encoding="utf-8")
    text = text.replace(f'"_version": "{VERSION}"', f'"_version": "{version}"')
    (template / "cookiecutter.json").write_text(text, encoding="utf-8")


def test_the_version_of_the_template_is_the_same_in_each_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## (\d.*)$", changes, re.MULTILINE)
    assert VERSION == project["version"] == released[0]
    assert not RETIRED & RULES.keys()


def test_the_record_has_the_version_the_answers_and_the_commit(
    command_line: CommandLine, template_repository: Path
) -> None:
    service = render(command_line, template_repository, "use_redis=n", "license=2")
    record = record_of(service)
    assert record["version"] == VERSION
    assert record["answers"].keys() == RULES.keys()
    assert record["answers"]["use_redis"] is False
    assert record["answers"]["license"] == "Apache-2.0"
    commit = head(command_line, template_repository)
    assert record["first_render"] == {"template": None, "commit": commit}
    secrets = re.findall(r"[0-9a-f]{64}", (service / ".env").read_text(encoding="utf-8"))
    assert secrets
    text = (service / ".template.json").read_text(encoding="utf-8")
    assert not [secret for secret in secrets if secret in text]
    assert str(command_line.home.parent) not in text


@pytest.mark.parametrize("change", ["an edited file", "a new file", "no repository", "another's"])
def test_the_commit_is_left_out_if_it_cannot_be_known(
    command_line: CommandLine, template_repository: Path, change: str
) -> None:
    """An unpacked archive may lie in a repository of something else."""
    if change == "an edited file":
        with (template_repository / "templates/licenses/MIT.txt").open("a") as file:
            file.write("Edited.\n")
    elif change == "a new file":
        (template_repository / "{{cookiecutter.project_slug}}" / "new.md").touch()
    else:
        shutil.rmtree(template_repository / ".git")
    if change == "another's":
        (template_repository.parent / ".gitignore").write_text("*\n", encoding="utf-8")
        (template_repository.parent / "file").touch()
        command_line.run("git", "init", "-q", cwd=template_repository.parent)
        command_line.run("git", "add", "--force", "file", cwd=template_repository.parent)
        identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
        commit = ("git", *identity, "commit", "-qm", "state")
        assert command_line.run(*commit, cwd=template_repository.parent).returncode == 0
    service = render(command_line, template_repository)
    assert record_of(service)["first_render"] == {"template": None, "commit": None}


def test_an_archive_of_the_template_knows_its_commit(
    command_line: CommandLine, template_repository: Path
) -> None:
    """GitHub makes its zip files with `git archive`."""
    shutil.copy(ROOT / ".gitattributes", template_repository)
    command_line.commit(template_repository)
    archive = command_line.home / "template.zip"
    words = ("git", "archive", "--format=zip", "--prefix=template/", "-o", archive, "HEAD")
    done = command_line.run(*words, cwd=template_repository)
    assert done.returncode == 0, done.stderr
    service = render(command_line, archive)
    assert record_of(service)["first_render"]["commit"] == head(command_line, template_repository)


@pytest.mark.parametrize(
    ("template", "recorded"),
    [
        ("gh:ORG/REPO", "gh:ORG/REPO"),
        ("git@example.com:org/repo.git", "git@example.com:org/repo.git"),
        ("https://example.com/org/repo.git", "https://example.com/org/repo.git"),
        ("https://ada:token@example.com/org/repo.git", "https://example.com/org/repo.git"),
        ("https://example.com/repo.zip?signature=x", "https://example.com/repo.zip"),
        ("ssh://ada:token@example.com:22/repo", "ssh://example.com:22/repo"),
        ("/home/ada/template", None),
        ("../template", None),
        ("file:///home/ada/template", None),
        ("", None),
    ],
)
def test_the_source_is_recorded_without_passwords_and_paths_of_the_machine(
    template: str, recorded: str | None
) -> None:
    assert source(template) == recorded


def linked(command_line: CommandLine, template: Path, service: Path) -> None:
    """Run the commands of docs/updating.md that link a service by its record."""
    page = (ROOT / "docs" / "updating.md").read_text(encoding="utf-8")
    [block] = (b for b in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if " link " in b)
    block = block.replace("https://github.com/ORG/REPO", str(template))
    block = block.replace("uvx cruft==2.16.0", f"{sys.executable} -m cruft")
    git = 'git() { command git -c user.name=Test -c user.email=test@example.com "$@"; }\n'
    done = command_line.run("sh", "-euc", git + block, cwd=service)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("starts_with", ["cookiecutter", "cruft"])
def test_an_update_moves_version_and_answers_without_a_conflict(
    command_line: CommandLine, template_repository: Path, starts_with: str
) -> None:
    """A service of cookiecutter is linked by the page's commands, which read the record."""
    commit = head(command_line, template_repository)
    if starts_with == "cookiecutter":
        service = render(command_line, template_repository, "use_redis=no", "license=2")
        first: dict[str, Any] | None = {"template": None, "commit": commit}
        command_line.commit(service)
    else:
        service = command_line.home.parent / "user-service"
        words = (*CRUFT, "create", template_repository, "--no-input", "--output-dir")
        given = json.dumps({"use_redis": "no", "license": "Apache-2.0"})
        done = command_line.run(*words, service.parent, "--extra-context", given)
        assert done.returncode == 0, done.stdout + done.stderr
        assert init_env(service).returncode == 0
        first = None
        command_line.commit(service)
    release(template_repository, "99.0.0")
    command_line.commit(template_repository)
    if starts_with == "cookiecutter":
        linked(command_line, template_repository, service)
    state = json.loads((service / ".cruft.json").read_text(encoding="utf-8"))
    assert state["commit"] == commit
    assert state["context"]["cookiecutter"]["use_redis"] is False

    switched = json.dumps({"license": "MIT"})
    update = (*CRUFT, "update", "--skip-apply-ask", "--variables-to-update", switched)
    done = command_line.run(*update, cwd=service)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [*service.rglob("*.rej")]
    record = record_of(service)
    assert record["version"] == "99.0.0"
    assert record["first_render"] == first
    assert (record["answers"]["license"], record["answers"]["use_redis"]) == ("MIT", False)


def test_a_link_with_other_answers_than_the_recorded_ones_is_refused(
    command_line: CommandLine, template_repository: Path
) -> None:
    service = render(command_line, template_repository, "use_redis=no")
    words = (*CRUFT, "link", template_repository, "--no-input")
    done = command_line.run(*words, cwd=service)
    assert done.returncode == 1
    assert done.stdout + done.stderr == (
        "use_redis is False in .template.json, not True: link with the recorded answers.\n"
    )
    assert not (service / ".cruft.json").exists()


def test_an_update_that_changes_the_slug_or_misspells_a_question_is_refused(
    command_line: CommandLine, template_repository: Path
) -> None:
    service = command_line.home.parent / "user-service"
    words = (*CRUFT, "create", template_repository, "--no-input", "--output-dir", service.parent)
    assert command_line.run(*words).returncode == 0
    command_line.commit(service)
    before = (service / ".cruft.json").read_bytes()
    for question, line in (
        (
            "project_slug",
            (
                "project_slug cannot change from 'user-service' to 'accounts': the names of the "
                "queues, the database and the issuer of the tokens contain it. Render a new "
                "service under the new name.\n"
            ),
        ),
        ("use_reddis", f"use_reddis is not a question: use one of {', '.join(RULES)}.\n"),
    ):
        changed = json.dumps({question: "accounts"})
        update = (*CRUFT, "update", "--skip-apply-ask", "--variables-to-update", changed)
        done = command_line.run(*update, cwd=service)
        assert done.returncode == 1
        assert done.stdout + done.stderr == line
        assert (service / ".cruft.json").read_bytes() == before
        assert not command_line.run("git", "status", "--short", cwd=service).stdout


def test_an_update_may_bring_the_answer_to_a_question_of_an_earlier_version(
    command_line: CommandLine, template_repository: Path
) -> None:
    service = command_line.home.parent / "user-service"
    questions = template_repository / "cookiecutter.json"
    text = questions.read_text(encoding="utf-8")
    rules = template_repository / "service_template" / "rules.py"
    sources = rules.read_text(encoding="utf-8")
    rule = '"author_email": email_problem,\n'
    replace_once(rules, (rule, f'{rule}    "colour": email_problem,\n'))
    first = '  "__check_project_name": '
    replace_once(questions, (first, f'  "colour": "",\n{first}'))
    command_line.commit(template_repository)
    words = (*CRUFT, "create", template_repository, "--no-input", "--output-dir", service.parent)
    done = command_line.run(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    command_line.commit(service)

    questions.write_text(text, encoding="utf-8")
    rules.write_text(sources, encoding="utf-8")
    retired = template_repository / "service_template" / "questions.py"
    replace_once(retired, ("RETIRED: frozenset[str] = frozenset()", 'RETIRED = {"colour"}'))
    command_line.commit(template_repository)
    done = command_line.run(*CRUFT, "update", "--skip-apply-ask", cwd=service)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "colour" not in record_of(service)["answers"]
