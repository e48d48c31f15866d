"""Finish a new service: delete the files of unused options, write `.env`, print the next steps."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

# The files and folders of each option: (question, answer) → paths. All others are in every service.
MANIFEST: dict[tuple[str, object], tuple[str, ...]] = {
    ("ci_provider", "GitHub Actions"): (".github",),
    ("ci_provider", "GitLab CI"): (".gitlab-ci.yml",),
    ("use_redis", True): (
        "docs/cache.md",
        "src/repositories/cache/redis",
        "src/wiring/cache_redis.py",
        "tests/e2e/redis",
        "tests/fixtures/redis.py",
        "tests/machinery/redis",
    ),
    ("use_redis", False): (
        "src/repositories/cache/none.py",
        "src/wiring/cache_none.py",
        "tests/fixtures/no_cache.py",
        "tests/machinery/no_cache",
    ),
    ("use_rabbitmq", True): (
        "src/repositories/outbox/reader.py",
        "src/repositories/rabbitmq",
        "src/wiring/messaging_rabbitmq.py",
        "tests/fixtures/rabbitmq.py",
        "tests/machinery/rabbitmq",
    ),
    ("use_rabbitmq", False): (
        "src/repositories/postgres_queue",
        "src/wiring/messaging_postgres.py",
        "tests/fixtures/postgres_queue.py",
        "tests/machinery/postgres_queue",
    ),
}

NEXT_STEPS = """
{slug} is ready. Start it:

    cd {slug}
    docker compose up --build -d

Then open http://localhost:8000/docs. Without Docker, enter your own servers in .env and run:

    make setup
    make migrate
    make run       (and in a second terminal: make worker)
"""


def prune(project: Path, answers: dict[str, Any]) -> None:
    """Remove the files and folders of every option that was not chosen."""
    for (question, answer), paths in MANIFEST.items():
        if answers[question] == answer:
            continue
        for path in paths:
            target = project / path
            if target.is_dir():
                shutil.rmtree(target)
            else:
                target.unlink()


def main() -> int:
    """Run in the folder of the new service, where cookiecutter starts its hooks."""
    answers: dict[str, Any] = json.loads(r"""{{ cookiecutter | tojson }}""")
    slug = answers["project_slug"]
    prune(Path.cwd(), answers)
    if "_commit" in answers:
        # cruft also renders two versions of the template into temporary folders and compares them.
        # A generated .env would appear as a difference.
        sys.stdout.write(f"Run `make setup` in the folder {slug} to write its .env.\n")
        return 0
    made = subprocess.run([sys.executable, "scripts/init_env.py"], check=False)
    if made.returncode == 0:
        sys.stdout.write(NEXT_STEPS.format(slug=slug))
    return made.returncode


if __name__ == "__main__":
    sys.exit(main())
