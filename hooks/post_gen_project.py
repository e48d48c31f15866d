"""Finish a fresh service: drop what was not chosen, make its `.env`, say how to go on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple


class Part(NamedTuple):
    """Files that a service has only if a question was answered in one way."""

    question: str
    answer: object
    files: tuple[str, ...]


# An option is a list of files. Every file that is not named here belongs to every service.
MANIFEST: tuple[Part, ...] = ()

NEXT_STEPS = """
{slug} is ready. Start it:

    cd {slug}
    docker compose up --build -d

and open http://localhost:8000/docs. Without Docker, name your own servers in .env, then:

    make setup
    make migrate
    make run       (and in a second terminal: make worker)
"""


def prune(project: Path, answers: dict[str, Any], manifest: tuple[Part, ...]) -> None:
    """Remove the files of every part that was not chosen, and the folders that empties."""
    for part in manifest:
        if answers[part.question] == part.answer:
            continue
        for file in part.files:
            path = project / file
            path.unlink()
            for folder in path.relative_to(project).parents:
                if folder != Path() and not any((project / folder).iterdir()):
                    (project / folder).rmdir()


def main() -> int:
    """Run in the new project's folder, which is where cookiecutter starts hooks."""
    answers: dict[str, Any] = json.loads(r"""{{ cookiecutter | tojson }}""")
    slug = answers["project_slug"]
    prune(Path.cwd(), answers, MANIFEST)
    if "_commit" in answers:
        # cruft also renders into temporary folders, to compare two versions of the template:
        # secrets would differ between them and end up in the comparison.
        sys.stdout.write(f"To make the .env of {slug}, run `make setup` in its folder.\n")
        return 0
    made = subprocess.run([sys.executable, "scripts/init_env.py"], check=False)
    if made.returncode == 0:
        sys.stdout.write(NEXT_STEPS.format(slug=slug))
    return made.returncode


if __name__ == "__main__":
    sys.exit(main())
