"""Each revision is a transaction of its own, and a step that failed can run again."""

import asyncpg
import pytest

from tests.support.images import Image, Sql

BLOCK = "with op.get_context().autocommit_block():"
BUILD_INDEX = (
    "op.create_index('ix_users_version', 'users', ['version'], unique=True,"
    " if_not_exists=True, postgresql_concurrently=True)"
)
TWO_USERS = (
    "INSERT INTO users SELECT gen_random_uuid(), n, n || '@example.com', '', true, now(), now(), 1"
    " FROM generate_series(1, 2) n"
)
VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_users_version'::regclass"
VERSION = "SELECT version_num FROM alembic_version"


def test_a_new_label_of_an_enum_can_be_used_in_the_next_revision(sql: Sql, image: Image) -> None:
    image.add("type", "CREATE TYPE mood AS ENUM ('good')")
    image.add("label", "ALTER TYPE mood ADD VALUE 'bad'", after="type")
    image.add("table", "CREATE TABLE moods AS SELECT 'bad'::mood AS mood", after="label")

    image.must("upgrade", "head")

    assert sql("SELECT mood FROM moods") == ["bad"]


def test_the_revisions_before_a_failed_one_stay_applied(sql: Sql, image: Image) -> None:
    image.add("good", "CREATE TABLE parcels ()")
    image.add("bad", "CREATE TABLE letters ()", "SELECT 1 / 0", after="good")

    assert (image.run("upgrade", "head")).code == 1

    assert sql(VERSION) == ["good"]
    tables = "SELECT to_regclass('parcels')::text UNION ALL SELECT to_regclass('letters')::text"
    assert sql(tables) == ["parcels", None]


def test_an_index_that_could_not_be_built_is_named_and_the_step_can_run_again(
    sql: Sql, image: Image, caplog: pytest.LogCaptureFixture
) -> None:
    image.must("upgrade", "head")
    sql(TWO_USERS)
    image.add("index", f"{BLOCK} {BUILD_INDEX}")

    outcome = image.run("upgrade", "head")

    assert outcome.code == 1
    assert "Revision index failed" in outcome.message
    assert "ix_users_version" in outcome.message
    assert sql(VALID) == [False]
    assert sql(VERSION) == [image.own_head]

    sql("DELETE FROM users")
    image.must("upgrade", "head")

    assert "Dropped the invalid index ix_users_version" in caplog.text
    assert sql(VALID) == [True]


def test_a_revision_that_leaves_an_invalid_index_is_not_applied_and_names_it(
    sql: Sql, image: Image
) -> None:
    image.must("upgrade", "head")
    sql(TWO_USERS)
    image.add(
        "index",
        "from contextlib import suppress",
        f"with suppress(sa.exc.IntegrityError), op.get_context().autocommit_block(): {BUILD_INDEX}",
    )

    outcome = image.run("upgrade", "head")

    assert outcome.code == 1
    assert outcome.message == (
        "The index ix_users_version is invalid: CREATE INDEX CONCURRENTLY failed."
        " The revision is not applied. Correct the cause and run the migration again."
    )
    assert sql(VERSION) == [image.own_head]


def test_invalid_indexes_of_tables_that_are_not_ours_stay(sql: Sql, migrated: Image) -> None:
    sql("CREATE TABLE other (n int)")
    sql("INSERT INTO other VALUES (1), (1)")
    with pytest.raises(asyncpg.UniqueViolationError):
        sql("CREATE UNIQUE INDEX CONCURRENTLY ix_other ON other (n)")
    migrated.add("next", "CREATE TABLE parcels ()")

    migrated.must("upgrade", "head")

    assert sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_other'::regclass") == [False]
