"""The table `schema_history`: which revisions are applied, and by which service."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import ScriptDirectory
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.schema import CreateTable

from src.repositories.postgres.guard import ownership_problem
from src.repositories.postgres.migrations.errors import MigrationError

# Not a table of `Base`: like `alembic_version` it exists before the first revision.
SCHEMA_HISTORY = sa.Table(
    "schema_history",
    sa.MetaData(),
    sa.Column("revision", sa.String, primary_key=True),
    sa.Column("service", sa.String, nullable=False),
    sa.Column(
        "applied_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
    ),
)
CREATE = CreateTable(SCHEMA_HISTORY, if_not_exists=True)
COLUMNS = SCHEMA_HISTORY.columns
OWNERS = sa.select(COLUMNS.service).distinct().order_by(COLUMNS.service)


class SchemaHistory:
    """Keeps the history equal to the applied revisions. `service` is written beside each."""

    def __init__(self, *, service: str, script: ScriptDirectory) -> None:
        self._service = service
        self._script = script

    def require_own(self, connection: sa.Connection, heads: Collection[str]) -> None:
        """Raise `MigrationError` if the database is another service's, or has no mark."""
        database = str(connection.engine.url.database)
        owners = self.owners(connection)
        if problem := ownership_problem(database, self._service, owners, heads):
            raise MigrationError(problem)

    def owners(self, connection: sa.Connection) -> list[str]:
        """Return the services that have applied a revision."""
        return [] if self._is_missing(connection) else [*connection.scalars(OWNERS)]

    def create(self, connection: sa.Connection) -> None:
        """Create the table if it is missing."""
        if self._is_missing(connection):
            connection.execute(CREATE)

    def adopt(self, connection: sa.Connection, heads: Iterable[str]) -> None:
        """Mark the database, whose revisions are `heads`, as this service's."""
        if not self.owners(connection):
            self.create(connection)
            for revision in self._ancestors(heads):
                connection.execute(self._insert(revision))
        connection.execute(sa.update(SCHEMA_HISTORY).values(service=self._service))

    def contains(self, connection: sa.Connection, revision: str) -> bool:
        """Tell whether this service has applied a revision and has not reverted it."""
        if self._is_missing(connection):
            return False
        own = sa.select(COLUMNS.revision).where(COLUMNS.service == self._service)
        return connection.scalar(own.where(COLUMNS.revision == revision)) is not None

    def record(
        self,
        ctx: MigrationContext,
        step: MigrationInfo,
        heads: Collection[str],
        run_args: Mapping[str, Any],  # noqa: ARG002  Alembic passes it by name
    ) -> None:
        """Write a step into the history, in the transaction of the step (`on_version_apply`)."""
        if step.is_stamp:
            applied = self._ancestors(heads)
            ctx.execute(sa.delete(SCHEMA_HISTORY).where(COLUMNS.revision.not_in(applied)))
            for revision in applied:
                ctx.execute(self._insert(revision))
        elif step.is_upgrade:
            ctx.execute(self._insert(str(step.up_revision_id)))
        else:
            ctx.execute(sa.delete(SCHEMA_HISTORY).where(COLUMNS.revision == step.up_revision_id))

    def _is_missing(self, connection: sa.Connection) -> bool:
        return not sa.inspect(connection).has_table(SCHEMA_HISTORY.name)

    def _insert(self, revision: str) -> Any:
        row = insert(SCHEMA_HISTORY).values(revision=revision, service=self._service)
        return row.on_conflict_do_nothing()

    def _ancestors(self, heads: Iterable[str]) -> list[str]:
        """Return the heads and all revisions before them, the oldest first."""
        upper = tuple(heads)
        scripts = self._script.iterate_revisions(upper, "base") if upper else ()
        return [script.revision for script in scripts][::-1]
