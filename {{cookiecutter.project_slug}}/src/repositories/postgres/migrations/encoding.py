"""The encoding of the database, which cannot be changed later."""

from collections.abc import Collection

from sqlalchemy import Connection, text

from src.repositories.postgres.migrations.errors import MigrationError

ENCODING = text(
    "SELECT pg_encoding_to_char(encoding), datname FROM pg_database"
    " WHERE datname = current_database()"
)
NOT_UTF8 = (
    "The database {name} has the encoding {encoding}, and this service needs UTF8. Create another"
    " one, and name it with POSTGRES_DB: CREATE DATABASE {other} TEMPLATE template0 ENCODING 'UTF8'"
    " LOCALE 'C'"
)


def require_utf8(connection: Connection, heads: Collection[str]) -> None:
    """Refuse the first migration of a database that cannot store every character."""
    if heads:
        return
    encoding, name = connection.execute(ENCODING).one()
    if encoding != "UTF8":
        other = connection.dialect.identifier_preparer.quote_identifier(f"{name}_utf8")
        raise MigrationError(NOT_UTF8.format(name=name, encoding=encoding, other=other))
