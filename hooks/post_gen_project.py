"""Finish a new service: delete the files of unused options, write `.env`, print the next steps."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple


class Part(NamedTuple):
    """Files that a service has only after a certain answer to a question."""

    question: str
    answer: object
    files: tuple[str, ...]


# Files that are not listed here belong to every service.
MANIFEST: tuple[Part, ...] = (
    Part(
        "ci_provider",
        answer="GitHub Actions",
        files=(".github/dependabot.yml", ".github/workflows/ci.yml"),
    ),
    Part("ci_provider", answer="GitLab CI", files=(".gitlab-ci.yml",)),
    Part(
        "use_redis",
        answer=True,
        files=(
            "docs/cache.md",
            "src/repositories/cache/batches.py",
            "src/repositories/cache/breaker.py",
            "src/repositories/cache/client.py",
            "src/repositories/cache/redis.py",
            "src/repositories/cache/scripts.py",
            "src/repositories/cache/writers.py",
            "src/wiring/cache_redis.py",
            "tests/contract/test_cache.py",
            "tests/e2e/test_without_redis.py",
            "tests/fixtures/redis.py",
            "tests/integration/test_cache.py",
            "tests/integration/test_cache_without_redis.py",
            "tests/integration/test_cached_reads.py",
            "tests/integration/test_cost_of_authentication.py",
            "tests/integration/test_late_commits.py",
            "tests/integration/test_late_writers.py",
            "tests/integration/test_throttle_in_redis.py",
            "tests/support/loading.py",
            "tests/unit/test_batches.py",
            "tests/unit/test_breaker.py",
            "tests/unit/test_redis_settings.py",
        ),
    ),
    Part(
        "use_redis",
        answer=False,
        files=(
            "src/repositories/cache/none.py",
            "src/wiring/cache_none.py",
            "tests/fixtures/no_cache.py",
            "tests/unit/test_no_cache.py",
        ),
    ),
    Part(
        "use_rabbitmq",
        answer=True,
        files=(
            "src/repositories/db/outbox.py",
            "src/repositories/rabbitmq/__init__.py",
            "src/repositories/rabbitmq/connection.py",
            "src/repositories/rabbitmq/consumer.py",
            "src/repositories/rabbitmq/dead_letters.py",
            "src/repositories/rabbitmq/failures.py",
            "src/repositories/rabbitmq/relay.py",
            "src/repositories/rabbitmq/topology.py",
            "src/wiring/messaging_rabbitmq.py",
            "tests/e2e/test_without_rabbitmq.py",
            "tests/e2e/test_worker_on_rabbitmq.py",
            "tests/fixtures/rabbitmq.py",
            "tests/integration/test_broker.py",
            "tests/integration/test_consumer.py",
            "tests/integration/test_dead_letters.py",
            "tests/integration/test_failing_messages.py",
            "tests/integration/test_outbox.py",
            "tests/integration/test_relay.py",
            "tests/support/amqp.py",
            "tests/support/consuming.py",
            "tests/support/topologies.py",
            "tests/unit/test_attempts.py",
            "tests/unit/test_rabbitmq_settings.py",
        ),
    ),
    Part(
        "use_rabbitmq",
        answer=False,
        files=(
            "src/repositories/db/consumer.py",
            "src/repositories/db/dead_letters.py",
            "src/repositories/db/queue.py",
            "src/wiring/messaging_postgres.py",
            "tests/e2e/test_worker_on_postgres.py",
            "tests/fixtures/postgres_queue.py",
            "tests/integration/test_dead_letters_in_postgres.py",
            "tests/integration/test_failing_messages_in_postgres.py",
            "tests/integration/test_queue.py",
            "tests/support/queued.py",
            "tests/unit/test_queue_settings.py",
        ),
    ),
)

NEXT_STEPS = """
{slug} is ready. Start it:

    cd {slug}
    docker compose up --build -d

Then open http://localhost:8000/docs. Without Docker, enter your own servers in .env and run:

    make setup
    make migrate
    make run       (and in a second terminal: make worker)
"""


def prune(project: Path, answers: dict[str, Any], manifest: tuple[Part, ...]) -> None:
    """Delete the files of each part that was not chosen, and the folders that become empty."""
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
    """Run in the folder of the new service, where cookiecutter starts its hooks."""
    answers: dict[str, Any] = json.loads(r"""{{ cookiecutter | tojson }}""")
    slug = answers["project_slug"]
    prune(Path.cwd(), answers, MANIFEST)
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
