"""`make migrate` on a server that refuses: one message with the cause and the way out."""

import os
import subprocess
import sys

import pytest

from src.utils.settings import ROOT, Settings

TWO_WAYS_OUT = ("put the old .env back", "docker compose down --volumes")


def migrate(**variables: str) -> str:
    """Run the migrations with these variables, which must fail, and return the message."""
    done = subprocess.run(
        (sys.executable, "-m", "alembic", "upgrade", "head"),
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"POSTGRES_USER": "no-such-user"}, ("no-such-user", *TWO_WAYS_OUT)),
        ({"POSTGRES_DB": "no-such-database"}, ("no-such-database", "correct POSTGRES_DB in .env")),
        ({"POSTGRES_PORT": "1"}, ("cannot be reached", "correct POSTGRES_HOST and POSTGRES_PORT")),
    ],
    ids=["login", "database", "address"],
)
def test_a_migration_that_cannot_connect_says_why_and_what_to_do(
    settings: Settings, variables: dict[str, str], words: tuple[str, ...]
) -> None:
    message = migrate(**variables)
    assert [word for word in words if word not in message] == []
