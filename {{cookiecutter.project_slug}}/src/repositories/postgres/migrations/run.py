"""Runs Alembic's commands for `env.py`: one at a time, each revision in its own transaction."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from ssl import SSLContext
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext
from sqlalchemy import URL, Connection, MetaData

from src.repositories.postgres.migrations.autogenerate import (
    OwnTables,
    render_enum,
    write_enum_types,
)
from src.repositories.postgres.migrations.encoding import require_utf8
from src.repositories.postgres.migrations.errors import MigrationError, explained, require_one_head
from src.repositories.postgres.migrations.history import CREATE, SchemaHistory
from src.repositories.postgres.migrations.indexes import drop_invalid_indexes, require_valid_indexes
from src.repositories.postgres.migrations.session import MigrationSession

log = logging.getLogger(__name__)

NO_SESSION = (
    "Migrations need a session, which POSTGRES_POOLER=transaction does not give: name PostgreSQL"
    " itself with POSTGRES_DIRECT_HOST and POSTGRES_DIRECT_PORT."
)
NEWER = "The database is at revision {found}, which this image does not know"


class Migrations:
    """The command that Alembic runs. `service` marks the database's revisions as its own."""

    def __init__(self, *, metadata: MetaData, service: str) -> None:
        self._metadata = metadata
        self._service = service
        self._script = context.script
        self._history = SchemaHistory(service=service, script=self._script)
        require_one_head(self._script)
        context.configure(dialect_name="postgresql")
        options = context.get_context().opts
        self._is_upgrade = options["fn"].__name__ == "upgrade"
        self._is_read_only = options.get("dont_mutate", False)

    def print_sql(self) -> None:
        """Print the statements of the command, for `--sql`."""
        context.configure(
            dialect_name="postgresql",
            target_metadata=self._metadata,
            literal_binds=True,
            transaction_per_migration=True,
            on_version_apply=self._history.record,
        )
        context.execute(CREATE)
        with context.begin_transaction():
            context.run_migrations()

    def run(self, *, url: URL | None, tls: SSLContext | None, lock_wait_seconds: float) -> None:
        """Run the command, or exit with one paragraph about the cause.

        `url` is the direct address of PostgreSQL, or None if only a pooler is known.
        """
        if url is None:
            raise SystemExit(NO_SESSION)
        session = MigrationSession(
            url=url, tls=tls, service=self._service, lock_wait_seconds=lock_wait_seconds
        )
        migrate = partial(self._migrate, session.progressed)
        with explained(f"PostgreSQL at {url.host}:{url.port}", self._script):
            asyncio.run(session.run(migrate, is_exclusive=not self._is_read_only))

    def _migrate(self, progressed: Callable[[], None], connection: Connection) -> None:
        """Run the pending steps. Each is committed before the next one begins."""
        context.configure(
            connection=connection,
            target_metadata=self._metadata,
            transaction_per_migration=True,
            include_name=OwnTables(self._metadata, self._script).include_name,
            render_item=render_enum,
            process_revision_directives=write_enum_types,
            on_version_apply=partial(self._finish_step, progressed),
        )
        heads = context.get_context().get_current_heads()
        if not self._is_read_only:
            require_utf8(connection, heads)
            self._history.require_own(connection, heads)
        if self._is_behind(connection, heads):
            return
        if not self._is_read_only:
            self._history.create(connection)
            connection.commit()
            drop_invalid_indexes(connection, self._metadata.tables)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()

    def _finish_step(
        self, progressed: Callable[[], None], *, ctx: MigrationContext, **step: Any
    ) -> None:
        """Check and record a step, in its transaction."""
        if ctx.connection is not None:
            require_valid_indexes(ctx.connection, self._metadata.tables)
        self._history.record(ctx=ctx, **step)
        progressed()

    def _is_behind(self, connection: Connection, heads: tuple[str, ...]) -> bool:
        """Tell whether a newer image migrated the database, so that there is nothing to do.

        Raises:
            MigrationError: The database has never been at this image's revision, or the command
                needs a revision that this image does not have.
        """
        known = {revision.revision for revision in self._script.walk_revisions()}
        unknown = ", ".join(head for head in heads if head not in known)
        if not unknown:
            return False
        newer = NEWER.format(found=unknown)
        head = self._script.get_current_head()
        if not (self._is_upgrade or self._is_read_only):
            raise MigrationError(f"{newer}: run the command in an image that has this revision.")
        if head is None or not self._history.contains(connection, head):
            raise MigrationError(
                f"{newer}, and this image's revision {head} is not in its schema_history:"
                f" deploy an image that has the revisions {head} and {unknown}."
            )
        log.warning("%s. It has this image's revision %s too: nothing to do.", newer, head)
        return True
