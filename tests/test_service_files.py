"""Tests of rendered files that every developer's machine relies on: git, make, hooks, documents."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import CommandLine, Render

# `command > file` in a block of a document.
WRITTEN = re.compile(r"^(?: {4,}|\$ ).*? > ([\w./-]+)$", re.MULTILINE)


@pytest.fixture
def service(render: Render, command_line: CommandLine) -> Path:
    """A rendered service, committed to a repository of its own."""
    folder = render()
    if not (folder / ".git").exists():
        command_line.commit(folder)
    return folder


def make(folder: Path, target: str, programs: Path) -> list[str]:
    """Run a target with only the programs `awk` and `sh`, and return its lines."""
    for name in ("awk", "sh"):
        path = shutil.which(name)
        assert path
        (programs / name).symlink_to(path)
    command = (shutil.which("make") or "make", "--no-print-directory", target)
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_git_checks_files_out_with_the_same_line_endings_on_every_system(
    service: Path, command_line: CommandLine
) -> None:
    for repository in (service, ROOT):
        checked = command_line.run("git", "check-attr", "eol", "--", "Makefile", cwd=repository)
        assert checked.stdout == "Makefile: eol: lf\n"


def test_git_ignores_the_files_that_the_documents_have_you_make(
    service: Path, command_line: CommandLine
) -> None:
    documents = [service / "README.md", *(service / "docs").glob("*.md")]
    written = {
        name for file in documents for name in WRITTEN.findall(file.read_text(encoding="utf-8"))
    }
    assert "service.dump" in written
    ignored = command_line.run("git", "check-ignore", *sorted(written), cwd=service)
    assert set(ignored.stdout.split()) == written


def test_help_lists_the_daily_commands_without_gnu_tools(service: Path, tmp_path: Path) -> None:
    daily = [line.split()[1] for line in make(service, "help", tmp_path)]
    assert {"setup", "up", "run", "worker", "check", "test", "migrate", "help-all"} <= set(daily)
    assert len(daily) <= 13


def test_help_all_lists_every_command(service: Path, tmp_path: Path) -> None:
    lines = make(service, "help-all", tmp_path)
    makefile = (service / "Makefile").read_text(encoding="utf-8")
    targets = [
        name
        for names in re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
        for name in names.split()
    ]
    assert [line.split()[1] for line in lines] == targets
    assert all(len(line.split()) > 3 for line in lines)


def test_the_hooks_of_a_worktree_use_the_tools_of_the_main_checkout(
    service: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    hooks = yaml.safe_load((service / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    [repository] = hooks["repos"]
    assert all(hook["entry"].startswith("sh scripts/tool.sh ") for hook in repository["hooks"])
    worktree = tmp_path / "worktree"
    added = command_line.run("git", "worktree", "add", str(worktree), cwd=service)
    assert added.returncode == 0, added.stderr
    ruff = ("sh", "scripts/tool.sh", "ruff", "format", "a file")
    done = command_line.run(*ruff, cwd=worktree)
    assert done.returncode == 1
    assert done.stderr == "ruff is not installed here: run make setup\n"
    tool = service / ".venv" / "bin" / "ruff"
    tool.parent.mkdir(parents=True)
    tool.write_text('#!/bin/sh\nprintf "%s," "$@"\n', encoding="utf-8")
    tool.chmod(0o755)
    for folder in (worktree, service):
        assert command_line.run(*ruff, cwd=folder).stdout == "format,a file,"


@pytest.mark.parametrize("slug", ["user-service", "on", "null"])
def test_make_asyncapi_would_write_the_rendered_document_byte_for_byte(
    render: Render, slug: str
) -> None:
    """The service's own test compares the content with the event classes."""
    service = render(project_slug=slug)
    text = (service / "docs/asyncapi.yaml").read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    assert content["info"]["title"] == slug
    # The title is always quoted: a service may be named `on`.
    title = f'  title: "{slug}"\n'
    assert title in text

    class PlainDumper(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
            return True

    content["info"]["title"] = "plain"
    plain = text.replace(title, "  title: plain\n")
    assert yaml.dump(content, Dumper=PlainDumper, sort_keys=False) == plain


def test_windows_is_answered_with_one_sentence(service: Path) -> None:
    """By `init_env.py` and, before it installs anything, by `make`."""
    script = service / "scripts" / "init_env.py"
    windows = "import runpy, sys; sys.platform = 'win32'; "
    code = f"{windows}runpy.run_path({str(script)!r}, {{}}, '__main__')"
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].startswith(
        "Windows: run the service with Docker, or work in WSL"
    )
    makefile = (service / "Makefile").read_text(encoding="utf-8")
    checks = re.findall(r"^\t@\$\(PYTHON\) -c '(.*)'$", makefile, re.MULTILINE)
    done = subprocess.run(
        (
            sys.executable,
            "-c",
            checks[0].replace("import sys;", "import sys; sys.platform = 'win32';"),
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "Windows: use WSL, or Docker without make\n"
