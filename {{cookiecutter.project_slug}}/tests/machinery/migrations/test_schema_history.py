"""`schema_history`, and the way back to an image that is older than the database."""

import pytest

from src.config import SERVICE
from tests.support.images import Image, Sql

HISTORY = "SELECT revision FROM schema_history ORDER BY applied_at, revision"


def test_the_history_has_the_applied_revisions_and_their_service(sql: Sql, image: Image) -> None:
    image.add("next", "CREATE TABLE parcels ()", downgrade=["DROP TABLE parcels"])

    image.must("upgrade", "head")
    applied = sql(HISTORY)
    assert applied[-2:] == [image.own_head, "next"]
    owners = "SELECT DISTINCT service FROM schema_history"
    assert sql(owners) == [SERVICE]

    image.must("downgrade", "-1")
    assert sql(HISTORY) == applied[:-1]


def test_an_older_image_accepts_a_newer_database_with_a_warning(
    sql: Sql,
    image: Image,
    older_image: Image,
    caplog: pytest.LogCaptureFixture,
) -> None:
    older_image.must("upgrade", "head")
    image.add("next", "CREATE TABLE parcels ()")
    image.must("upgrade", "head")
    caplog.clear()

    older_image.must("upgrade", "head")

    assert caplog.messages == [
        "The database is at revision next, which this image does not know."
        f" It has this image's revision {older_image.own_head} too: nothing to do."
    ]
    assert (sql(HISTORY))[-1] == "next"
    older_image.must("current")


def test_an_image_whose_revision_was_never_applied_is_refused_by_name(
    image: Image, older_image: Image
) -> None:
    image.add("next", "CREATE TABLE parcels ()")
    image.must("upgrade", "head")
    older_image.add("other", "CREATE TABLE letters ()")

    outcome = older_image.run("upgrade", "head")

    assert outcome.code == 1
    assert outcome.message == (
        "The database is at revision next, which this image does not know, and this image's"
        " revision other is not in its schema_history: deploy an image that has the revisions"
        " other and next."
    )


def test_a_reverted_revision_is_not_accepted_any_more(image: Image, older_image: Image) -> None:
    older_image.add("other", "CREATE TABLE letters ()", downgrade=["DROP TABLE letters"])
    older_image.must("upgrade", "head")
    older_image.must("downgrade", "-1")
    image.add("next", "CREATE TABLE parcels ()")
    image.must("upgrade", "head")

    outcome = older_image.run("upgrade", "head")

    assert outcome.code == 1
    assert "other is not in its schema_history" in outcome.message


@pytest.mark.parametrize("command", [("downgrade", "-1"), ("downgrade", "base"), ("stamp", "head")])
def test_an_older_image_changes_nothing_of_a_newer_database(
    sql: Sql, image: Image, older_image: Image, command: tuple[str, ...]
) -> None:
    image.add("next", "CREATE TABLE parcels ()")
    image.must("upgrade", "head")

    outcome = older_image.run(*command)

    assert outcome.code == 1
    assert outcome.message == (
        "The database is at revision next, which this image does not know:"
        " run the command in an image that has this revision."
    )
    assert (sql(HISTORY))[-1] == "next"


def test_a_stamp_replaces_the_history(sql: Sql, image: Image) -> None:
    image.add("next", "CREATE TABLE parcels ()")
    image.must("stamp", "next")
    stamped = sql(HISTORY)
    assert {image.own_head, "next"} <= {*stamped}

    image.must("stamp", image.own_head)

    assert set(sql(HISTORY)) == {*stamped} - {"next"}
