"""A migration that fails: one paragraph with the cause and the way out, and no traceback."""

import os
import subprocess
import sys

import pytest

from src.config import PostgresSettings
from src.utils.settings import ROOT, Settings
from tests.support import isolation
from tests.support.images import Image

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


async def failure(image: Image, *words: str) -> str:
    """Run a command that must fail with one paragraph, and return it in one line."""
    outcome = await image.run(*(words or ("upgrade", "head")))
    assert outcome.code == 1
    assert "Traceback" not in outcome.message
    assert "\n\n" not in outcome.message
    return " ".join(outcome.message.split())


async def test_an_error_of_the_server_is_reported_with_the_revision_and_the_statement(
    image: Image,
) -> None:
    statement = "ALTER TABLE no_such_table\n    ADD COLUMN x integer"
    image.add("broken", f"op.execute({statement!r})")

    message = await failure(image)

    assert message == (
        "Revision broken failed in upgrade() (broken.py, line 13):"
        ' relation "no_such_table" does not exist. The statement: ALTER TABLE no_such_table'
        " The revisions before it are applied. Correct the cause and run the migration again."
    )


async def test_an_error_in_a_downgrade_is_reported_with_its_detail_and_hint(image: Image) -> None:
    image.add(
        "broken",
        "CREATE TABLE parcels (id int PRIMARY KEY)",
        "CREATE TABLE letters (id int REFERENCES parcels)",
        downgrade=["DROP TABLE parcels"],
    )
    await image.must("upgrade", "head")

    message = await failure(image, "downgrade", "-1")

    assert "Revision broken failed in downgrade()" in message
    assert "constraint letters_id_fkey on table letters depends on table parcels." in message
    assert "Use DROP ... CASCADE" in message


async def test_values_of_rows_are_not_reported(
    image: Image, empty_database: PostgresSettings
) -> None:
    await image.must("upgrade", "head")
    await isolation.execute(
        empty_database,
        "INSERT INTO users SELECT gen_random_uuid(), 'ada@example.com', '', true, now(), now(), 1",
    )
    copy = "INSERT INTO users SELECT gen_random_uuid(), email, '', true, now(), now(), 1 FROM users"
    image.add("copy", copy)

    message = await failure(image)

    assert "uq_users_email" in message
    assert "ada@example.com" not in message


async def test_an_error_in_the_python_of_a_revision_is_reported_with_its_line(image: Image) -> None:
    image.add("broken", "op.create_tabel('parcels')")

    message = await failure(image)

    assert message.startswith("Revision broken failed in upgrade() (broken.py, line 13): Attribute")
    assert "create_tabel" in message


async def test_a_right_that_the_user_does_not_have_is_named_with_the_way_out(
    image: Image,
) -> None:
    image.add("forbidden", "SET ROLE pg_monitor", "CREATE TABLE parcels ()")

    message = await failure(image)

    assert "permission denied for schema public" in message
    assert "POSTGRES_USER must own the database" in message


async def test_a_server_that_only_reads_is_reported_in_one_sentence(
    image: Image, empty_database: PostgresSettings
) -> None:
    read_only = f'ALTER DATABASE "{empty_database.db}" SET default_transaction_read_only = on'
    await isolation.execute(empty_database, read_only)

    message = await failure(image)

    assert message.startswith(f"PostgreSQL at {empty_database.host}:{empty_database.port}: cannot")
    assert "in a read-only transaction." in message
