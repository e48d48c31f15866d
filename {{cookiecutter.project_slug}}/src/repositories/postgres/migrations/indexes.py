"""Invalid indexes, which a failed CREATE INDEX CONCURRENTLY leaves behind."""

import logging
from collections.abc import Collection

from sqlalchemy import Connection, text

from src.repositories.postgres.migrations.errors import MigrationError

log = logging.getLogger(__name__)

INVALID = text(
    "SELECT c.relname, t.relname FROM pg_index i"
    " JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid"
    " WHERE NOT i.indisvalid AND c.relkind = 'i'"  # a partitioned one may be invalid for long
    " AND c.relnamespace = current_schema()::regnamespace"
)


def find_invalid_indexes(connection: Connection, tables: Collection[str]) -> dict[str, str]:
    """Return the invalid indexes of these tables, and the table of each."""
    found = connection.execute(INVALID).all()
    return {index: table for index, table in found if table in tables}


def drop_invalid_indexes(connection: Connection, tables: Collection[str]) -> None:
    """Drop what a failed run left behind, so that the step can run again.

    An index that is being built is invalid too, but its table is locked: this waits for it.
    """
    quote = connection.dialect.identifier_preparer.quote
    for index, table in find_invalid_indexes(connection, tables).items():
        connection.exec_driver_sql(f"LOCK TABLE {quote(table)} IN ACCESS EXCLUSIVE MODE")
        if index in find_invalid_indexes(connection, tables):
            connection.exec_driver_sql(f"DROP INDEX {quote(index)}")
            log.warning("Dropped the invalid index %s: building it had failed.", index)
    connection.commit()


def require_valid_indexes(connection: Connection, tables: Collection[str]) -> None:
    """Refuse to end a step that leaves an invalid index."""
    invalid = ", ".join(find_invalid_indexes(connection, tables))
    if invalid:
        raise MigrationError(
            f"The index {invalid} is invalid: CREATE INDEX CONCURRENTLY failed."
            " The revision is not applied. Correct the cause and run the migration again."
        )
