"""A migration that fails: one paragraph with the cause and the way out, and no traceback."""

import pytest

from src.config import PostgresSettings
from tests.support.images import Image, Sql

TWO_WAYS_OUT = ("put the old .env back", "docker compose down --volumes")


def failure(image: Image, *words: str) -> str:
    """Run a command that must fail with one paragraph, and return it in one line."""
    outcome = image.run(*(words or ("upgrade", "head")))
    assert outcome.code == 1
    assert "Traceback" not in outcome.message
    assert "\n\n" not in outcome.message
    return " ".join(outcome.message.split())


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
    image: Image,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    words: tuple[str, ...],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    message = failure(image)
    assert [word for word in words if word not in message] == []


def test_an_error_of_the_server_is_reported_with_the_revision_and_the_statement(
    image: Image,
) -> None:
    statement = "ALTER TABLE no_such_table\n    ADD COLUMN x integer"
    image.add("broken", f"op.execute({statement!r})")

    message = failure(image)

    assert message == (
        "Revision broken failed in upgrade() (broken.py, line 13):"
        ' relation "no_such_table" does not exist. The statement: ALTER TABLE no_such_table'
        " The revisions before it are applied. Correct the cause and run the migration again."
    )


def test_an_error_in_a_downgrade_is_reported_with_its_detail_and_hint(image: Image) -> None:
    image.add(
        "broken",
        "CREATE TABLE parcels (id int PRIMARY KEY)",
        "CREATE TABLE letters (id int REFERENCES parcels)",
        downgrade=["DROP TABLE parcels"],
    )
    image.must("upgrade", "head")

    message = failure(image, "downgrade", "-1")

    assert "Revision broken failed in downgrade()" in message
    assert "constraint letters_id_fkey on table letters depends on table parcels." in message
    assert "Use DROP ... CASCADE" in message


def test_values_of_rows_are_not_reported(image: Image, sql: Sql) -> None:
    image.must("upgrade", "head")
    sql(
        "INSERT INTO users"
        " SELECT gen_random_uuid(), 'ada', 'ada@example.com', '', true, now(), now(), 1"
    )
    columns = "gen_random_uuid(), email, email_key, '', true, now(), now(), 1"
    copy = f"INSERT INTO users SELECT {columns} FROM users"  # noqa: S608  no input
    image.add("copy", copy)

    message = failure(image)

    assert "uq_users_email_key" in message
    assert "ada@example.com" not in message


def test_an_error_in_the_python_of_a_revision_is_reported_with_its_line(image: Image) -> None:
    image.add("broken", "op.create_tabel('parcels')")

    message = failure(image)

    assert message.startswith("Revision broken failed in upgrade() (broken.py, line 13): Attribute")
    assert "create_tabel" in message


def test_a_right_that_the_user_does_not_have_is_named_with_the_way_out(
    image: Image,
) -> None:
    refusal = "RAISE insufficient_privilege USING MESSAGE = 'permission denied for schema public'"
    image.add("forbidden", f"DO $$ BEGIN {refusal}; END $$")

    message = failure(image)

    assert "permission denied for schema public" in message
    assert "POSTGRES_USER must own the database" in message


def test_a_server_that_only_reads_is_reported_in_one_sentence(
    image: Image, sql: Sql, empty_database: PostgresSettings
) -> None:
    sql(f'ALTER DATABASE "{empty_database.db}" SET default_transaction_read_only = on')

    message = failure(image)

    assert message.startswith(f"PostgreSQL at {empty_database.host}:{empty_database.port}: cannot")
    assert "in a read-only transaction." in message
