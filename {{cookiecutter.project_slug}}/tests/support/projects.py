"""A copy of the service that a test changes, and commands in it."""

import asyncio
import shutil
import sys
from pathlib import Path

from src.utils.settings import ROOT
from tests.support.images import Outcome

COPIED = ("src", "migrations", "scripts", "alembic.ini", "pyproject.toml")


class Project:
    """A copy of the service's code, without its tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, folder / name)
            else:
                shutil.copy(ROOT / name, folder)

    def write(self, name: str, text: str) -> None:
        """Write a file, and its folder if it is new."""
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(text, encoding="utf-8")

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace a text in a file."""
        text = (self.folder / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    async def run(self, *words: str) -> Outcome:
        """Run a Python module or script to its end: `await project.run("-m", "alembic", …)`."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *words,
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return Outcome(process.returncode or 0, output.decode())

    async def must(self, *words: str) -> str:
        """Run a module or script that must succeed, and return its output."""
        outcome = await self.run(*words)
        assert outcome.code == 0, outcome.message
        return outcome.message
