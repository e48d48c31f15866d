"""`schema_history`, and the way back to an image that is older than the database."""

import pytest

from src.config import SERVICE, PostgresSettings
from tests.support import isolation
from tests.support.images import Image

HISTORY = "SELECT revision FROM schema_history ORDER BY applied_at, revision"


async def test_the_history_has_the_applied_revisions_and_their_service(
    empty_database: PostgresSettings, image: Image
) -> None:
    image.add("next", "CREATE TABLE parcels ()", downgrade=["DROP TABLE parcels"])

    await image.must("upgrade", "head")
    applied = await isolation.fetch(empty_database, HISTORY)
    assert applied[-2:] == [image.own_head, "next"]
    owners = "SELECT DISTINCT service FROM schema_history"
    assert await isolation.fetch(empty_database, owners) == [SERVICE]

    await image.must("downgrade", "-1")
    assert await isolation.fetch(empty_database, HISTORY) == applied[:-1]


async def test_an_older_image_accepts_a_newer_database_with_a_warning(
    empty_database: PostgresSettings,
    image: Image,
    older_image: Image,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await older_image.must("upgrade", "head")
    image.add("next", "CREATE TABLE parcels ()")
    await image.must("upgrade", "head")
    caplog.clear()

    await older_image.must("upgrade", "head")

    assert caplog.messages == [
        "The database is at revision next, which this image does not know."
        f" It has this image's revision {older_image.own_head} too: nothing to do."
    ]
    assert (await isolation.fetch(empty_database, HISTORY))[-1] == "next"
    await older_image.must("current")


async def test_an_image_whose_revision_was_never_applied_is_refused_by_name(
    image: Image, older_image: Image
) -> None:
    image.add("next", "CREATE TABLE parcels ()")
    await image.must("upgrade", "head")
    older_image.add("other", "CREATE TABLE letters ()")

    outcome = await older_image.run("upgrade", "head")

    assert outcome.code == 1
    assert outcome.message == (
        "The database is at revision next, which this image does not know, and this image's"
        " revision other is not in its schema_history: deploy an image that has the revisions"
        " other and next."
    )


async def test_a_reverted_revision_is_not_accepted_any_more(
    image: Image, older_image: Image
) -> None:
    older_image.add("other", "CREATE TABLE letters ()", downgrade=["DROP TABLE letters"])
    await older_image.must("upgrade", "head")
    await older_image.must("downgrade", "-1")
    image.add("next", "CREATE TABLE parcels ()")
    await image.must("upgrade", "head")

    outcome = await older_image.run("upgrade", "head")

    assert outcome.code == 1
    assert "other is not in its schema_history" in outcome.message


async def test_the_revisions_of_another_service_are_not_taken_for_ones_own(
    empty_database: PostgresSettings, image: Image, older_image: Image
) -> None:
    image.add("next", "CREATE TABLE parcels ()")
    await image.must("upgrade", "head")
    await isolation.execute(empty_database, "UPDATE schema_history SET service = 'another'")

    assert (await older_image.run("upgrade", "head")).code == 1


@pytest.mark.parametrize("command", [("downgrade", "-1"), ("downgrade", "base"), ("stamp", "head")])
async def test_an_older_image_changes_nothing_of_a_newer_database(
    empty_database: PostgresSettings, image: Image, older_image: Image, command: tuple[str, ...]
) -> None:
    image.add("next", "CREATE TABLE parcels ()")
    await image.must("upgrade", "head")

    outcome = await older_image.run(*command)

    assert outcome.code == 1
    assert outcome.message == (
        "The database is at revision next, which this image does not know:"
        " run the command in an image that has this revision."
    )
    assert (await isolation.fetch(empty_database, HISTORY))[-1] == "next"


async def test_a_database_from_before_the_history_gets_one(
    empty_database: PostgresSettings, image: Image, older_image: Image
) -> None:
    await image.must("upgrade", "head")
    before = await isolation.fetch(empty_database, HISTORY)
    await isolation.execute(empty_database, "DROP TABLE schema_history")
    image.add("next", "CREATE TABLE parcels ()")

    await image.must("upgrade", "head")

    assert set(await isolation.fetch(empty_database, HISTORY)) == {*before, "next"}
    await older_image.must("upgrade", "head")


async def test_a_stamp_replaces_the_history(empty_database: PostgresSettings, image: Image) -> None:
    image.add("next", "CREATE TABLE parcels ()")
    await image.must("stamp", "next")
    stamped = await isolation.fetch(empty_database, HISTORY)
    assert {image.own_head, "next"} <= {*stamped}

    await image.must("stamp", image.own_head)

    assert set(await isolation.fetch(empty_database, HISTORY)) == {*stamped} - {"next"}
