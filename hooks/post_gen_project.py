"""Finish a new service: delete the files of unused options, write `.env`, print the next steps."""

import os
import sys

# Python puts the folder of a script first in the path of imports. Cookiecutter copies a hook to the
# folder for temporary files, where every program can place a `json.py`.
_TEMPORARY = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 -- see above
sys.path = [folder for folder in sys.path if folder != _TEMPORARY]

import json  # noqa: E402
import re  # noqa: E402
import shlex  # noqa: E402
import subprocess  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

# The files and folders of each option: (question, answer) → paths. All others are in every service.
MANIFEST: dict[tuple[str, object], tuple[str, ...]] = {
    ("ci_provider", "GitHub Actions"): (".github",),
    ("ci_provider", "GitLab CI"): (".gitlab-ci.yml", "renovate.json", "tests/unit/test_images.py"),
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
{slug} is ready: Python {python}, {servers}, {ci}, {license}.
The owner is {owner}. Start it:

    cd {folder}
    docker compose up --build -d --wait

Then open http://localhost:{port}/docs.{ports}

Without Docker, enter your own servers in .env and run:

    make setup
    make migrate
    make run       (and in a second terminal: make worker)
"""


def prune(project: Path, answers: dict[str, Any], rendered: frozenset[str] | None = None) -> None:
    """Remove the files of every option that was not chosen, and folders that become empty.

    Only rendered files are removed; other files in the same folders are the owner's.
    """
    for (question, answer), paths in MANIFEST.items():
        if answers[question] == answer:
            continue
        for path in paths:
            target = project / path
            files = [file for file in target.rglob("*") if not file.is_dir()]
            for file in [*files, *([target] if target.is_file() else [])]:
                if rendered is None or file.relative_to(project).as_posix() in rendered:
                    file.unlink()
                    remove_empty(file.parent, project)


def remove_empty(folder: Path, project: Path) -> None:
    """Remove a folder and its parents within the project as far as they are empty."""
    while folder != project and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def say(text: str) -> None:
    """Print text if anything reads it: a finished service does not depend on its message."""
    try:
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        sys.stdout.write(text)
        sys.stdout.flush()
    except (AttributeError, OSError):  # standard output is closed, or is a pipe without a reader
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 -- until exit


def next_steps(project: Path, answers: dict[str, Any], servers: str) -> str:
    """Return the message of a finished render: what was chosen, and where it listens."""
    env = (project / ".env").read_text(encoding="utf-8")
    settings: dict[str, str] = dict(re.findall(r"^([A-Z_]+)_PORT=(\d+)", env, re.MULTILINE))
    names = {"POSTGRES": "PostgreSQL", "REDIS": "Redis", "RABBITMQ": "RabbitMQ"}
    ports = [f"{name} on {settings[key]}" for key, name in names.items() if key in settings]
    # `cd` has to work in the user's shell; cookiecutter itself changes its working directory.
    is_here = project.parent == Path(os.environ.get("PWD", "")).absolute()
    return NEXT_STEPS.format(
        slug=answers["project_slug"],
        python=answers["python_version"],
        servers=servers,
        ci="no CI" if answers["ci_provider"] == "none" else answers["ci_provider"],
        license=f"{answers['license']} licence",
        owner=", ".join(filter(None, [answers["author_name"], answers["author_email"]])),
        folder=shlex.quote(project.name if is_here else str(project)),
        port=settings.get("APP", "8000"),
        ports=f"\nThe servers listen on this machine: {', '.join(ports)}." if ports else "",
    )


def main() -> int:
    """Run in the folder of the new service, where cookiecutter starts its hooks."""
    answers: dict[str, Any] = json.loads(r"""{{ cookiecutter | tojson }}""")
    rendered: list[str] = json.loads(r"""{{ template_files() | tojson }}""")
    prune(Path.cwd(), answers, frozenset(rendered))
    if "_commit" in answers:
        # cruft also renders two versions of the template into temporary folders and compares them.
        # A generated .env would appear as a difference.
        is_update: bool = json.loads(r"""{{ is_update() | tojson }}""")
        if not is_update:
            say(f"Run `make setup` in the folder {answers['project_slug']} to write its .env.\n")
        return 0
    made = subprocess.run(
        (sys.executable, "scripts/init_env.py"), stdout=subprocess.PIPE, check=False
    )
    say(made.stdout.decode(errors="replace"))
    if made.returncode == 0:
        say(next_steps(Path.cwd(), answers, "{{ cookiecutter | servers }}"))
    return made.returncode


if __name__ == "__main__":
    sys.exit(main())
