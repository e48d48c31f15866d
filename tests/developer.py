"""A person who works on a clone of a service, and types the commands of documents there."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from tests.conftest import ROOT
from tools.common.environment import service_environment
from tools.common.processes import run
from tools.documents.page import Page, Reader

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CONFLICT = re.compile(r"<<<<<<< .*\n((?:.*\n)*?)=======\n(?:.*\n)*?>>>>>>> .*\n")


class Developer:
    """A person with a clone of the service, and servers."""

    def __init__(self, name: str, folder: Path, settings: Mapping[str, str]) -> None:
        """Work in a folder that need not exist yet, on the servers that these settings name."""
        self.folder = folder
        programs = f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
        identity = {"NAME": name, "EMAIL": f"{name}@example.com"}
        git = {f"GIT_{who}_{k}": v for who in ("AUTHOR", "COMMITTER") for k, v in identity.items()}
        self.environment = service_environment(
            {
                **settings,
                **git,
                "GIT_CONFIG_GLOBAL": os.devnull,
                "GIT_CONFIG_SYSTEM": os.devnull,
                "PATH": programs,
            }
        )

    def play(
        self, page: Page, heading: str, number: int = 1, *, typed: str = "", exit_code: int = 0
    ) -> str:
        """Play a block of a page in the clone."""
        folder = self.folder if self.folder.exists() else self.folder.parent
        reader = Reader(folder, self.environment)
        return page.play(reader, heading, number, typed=typed, exit_code=exit_code)

    def run(self, *words: str) -> str:
        """Run a command in the clone and return its output."""
        return run(*words, cwd=self.folder, environment=self.environment)

    def page(self, name: str) -> Page:
        """Return a page of the service as it is now."""
        return Page(self.folder / name)

    def write(self, name: str, text: str) -> None:
        """Write a file of the service."""
        (self.folder / name).write_text(text, encoding="utf-8", newline="")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text in a file of the service."""
        text = (self.folder / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def keep_own_lines(self, name: str) -> None:
        """Resolve the conflicts in a file as an editor does."""
        text = (self.folder / name).read_text(encoding="utf-8")
        self.write(name, CONFLICT.sub(r"\1", text))

    def commit(self, message: str) -> None:
        """Commit everything; the hooks check it."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--message", message)

    def uncommitted(self) -> list[str]:
        """Return the lines of `git status --short`."""
        return self.run("git", "status", "--short").splitlines()

    def tracked(self) -> set[str]:
        """Return the names of the committed files."""
        return set(self.run("git", "ls-files").splitlines())
