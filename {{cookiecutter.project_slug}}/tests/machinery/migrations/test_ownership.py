"""A database belongs to one service: migrations of another are refused until it adopts it."""

import asyncio

import pytest

from src import manage
from src.config import SERVICE, PostgresSettings
from tests.support.environment import COMPLETE
from tests.support.images import Image, Sql

OWNERS = "SELECT DISTINCT service FROM schema_history"
HISTORY = "SELECT revision FROM schema_history ORDER BY revision"
WAY_OUT = (
    "name a database of its own with POSTGRES_DB. If the service was renamed, run"
    " `python -m src.manage adopt-database`."
)


@pytest.fixture
def others(migrated: Image, sql: Sql) -> Image:
    """The image. Its database has the tables of the service `another-service`."""
    sql("UPDATE schema_history SET service = 'another-service'")
    return migrated


def adopt(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    """Run the operator's command on the database of the image."""
    for name in COMPLETE.keys() - {"POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"}:
        monkeypatch.setenv(name, COMPLETE[name])
    asyncio.run(manage.run(manage.command_line().parse_args(["adopt-database", *words])))


@pytest.mark.parametrize(
    "command",
    [
        ("upgrade", "head"),
        ("downgrade", "-1"),
        ("downgrade", "base"),
        ("stamp", "head"),
        ("revision", "--autogenerate", "--message", "mixed"),
    ],
)
def test_the_database_of_another_service_is_refused_with_both_names(
    others: Image, sql: Sql, empty_database: PostgresSettings, command: tuple[str, ...]
) -> None:
    others.add("next", "CREATE TABLE parcels ()")

    outcome = others.run(*command)

    assert outcome.code == 1
    assert outcome.message == (
        f"The database {empty_database.db} belongs to the service another-service, and this"
        f" service is {SERVICE}: {WAY_OUT}"
    )
    assert sql(OWNERS) == ["another-service"]
    assert sql("SELECT to_regclass('parcels')") == [None]


def test_a_database_with_revisions_of_two_services_is_refused(migrated: Image, sql: Sql) -> None:
    sql("INSERT INTO schema_history (revision, service) VALUES ('9999', 'another-service')")
    assert "belongs to the service another-service" in migrated.run("upgrade", "head").message


@pytest.mark.parametrize("statement", ["DROP TABLE schema_history", "DELETE FROM schema_history"])
def test_a_database_with_tables_and_no_mark_is_refused_until_it_is_adopted(
    migrated: Image,
    older_image: Image,
    sql: Sql,
    monkeypatch: pytest.MonkeyPatch,
    statement: str,
) -> None:
    history = sql(HISTORY)
    sql(statement)
    migrated.add("next", "CREATE TABLE parcels ()")
    refused = migrated.run("upgrade", "head")
    assert "belongs to a service that left no mark in schema_history" in refused.message
    assert WAY_OUT in refused.message

    adopt(monkeypatch, "--yes")

    migrated.must("upgrade", "head")
    assert set(sql(HISTORY)) == {*history, "next"}
    assert sql(OWNERS) == [SERVICE]
    older_image.must("upgrade", "head")


def test_an_adopted_database_is_migrated(
    others: Image,
    sql: Sql,
    empty_database: PostgresSettings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    adopt(monkeypatch, "--yes")
    assert capsys.readouterr().out == f"The database {empty_database.db} belongs to {SERVICE}.\n"
    others.add("next", "CREATE TABLE parcels ()")
    others.must("upgrade", "head")
    assert sql(OWNERS) == [SERVICE]


def test_no_database_is_adopted_without_a_confirmation(
    others: Image, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match=r"belongs to another-service, to .*: confirm with --yes"):
        adopt(monkeypatch)
    assert sql(OWNERS) == ["another-service"]


def test_an_empty_database_needs_no_adoption(image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="has no tables yet: the first migration marks it"):
        adopt(monkeypatch, "--yes")
    image.must("upgrade", "head")


def test_a_reverted_database_is_empty_again(migrated: Image, sql: Sql) -> None:
    migrated.must("downgrade", "base")
    assert sql(OWNERS) == []
    migrated.must("upgrade", "head")
    assert sql(OWNERS) == [SERVICE]


def test_an_unknown_revision_is_adopted_by_an_image_that_knows_it(
    image: Image, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    image.add("next", "CREATE TABLE parcels ()")
    image.must("upgrade", "head")
    sql("DROP TABLE schema_history")
    with pytest.raises(SystemExit, match="revision next, which this image does not know"):
        adopt(monkeypatch, "--yes")


def test_the_current_revision_of_another_services_database_can_be_read(others: Image) -> None:
    others.must("current")


def test_a_database_that_cannot_store_every_character_is_refused_before_the_first_migration(
    image: Image, sql: Sql, empty_database: PostgresSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{empty_database.db}_latin"
    sql(f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        with monkeypatch.context() as patch:
            patch.setenv("POSTGRES_DB", name)
            outcome = image.run("upgrade", "head")
        assert outcome.code == 1
        before, statement = outcome.message.split(": ")
        assert before == (
            f"The database {name} has the encoding LATIN1, and this service needs UTF8. Create"
            " another one, and name it with POSTGRES_DB"
        )
        other = f"{name}_utf8"
        sql(statement)
        try:
            with monkeypatch.context() as patch:
                patch.setenv("POSTGRES_DB", other)
                image.must("upgrade", "head")
        finally:
            sql(f'DROP DATABASE "{other}"')
    finally:
        sql(f'DROP DATABASE "{name}"')


def test_behind_a_pooler_a_migration_needs_the_direct_address(
    image: Image, sql: Sql, monkeypatch: pytest.MonkeyPatch, empty_database: PostgresSettings
) -> None:
    monkeypatch.setenv("POSTGRES_POOLER", "transaction")
    outcome = image.run("upgrade", "head")
    assert outcome.message == (
        "Migrations need a session, which POSTGRES_POOLER=transaction does not give: name"
        " PostgreSQL itself with POSTGRES_DIRECT_HOST and POSTGRES_DIRECT_PORT."
    )
    monkeypatch.setenv("POSTGRES_DIRECT_HOST", empty_database.host)
    monkeypatch.setenv("POSTGRES_DIRECT_PORT", str(empty_database.port))
    monkeypatch.setenv("POSTGRES_PORT", "1")
    image.must("upgrade", "head")
    assert sql(OWNERS) == [SERVICE]
