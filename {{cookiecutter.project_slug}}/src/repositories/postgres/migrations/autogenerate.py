"""What `make migration` compares, and what it writes for the types of columns."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Enum, MetaData, text

ENUM_TYPES = text("SELECT typname FROM pg_type WHERE typtype = 'e'")


class OwnTables:
    """The tables of this service: those that are declared, and those that a revision names.

    Other tables in the database belong to extensions and tools.
    """

    def __init__(self, metadata: MetaData, script: ScriptDirectory) -> None:
        self._declared = metadata.tables
        paths = [Path(revision.path) for revision in script.walk_revisions()]
        self._revisions = "".join(path.read_text(encoding="utf-8") for path in paths)

    def include_name(self, name: str | None, kind: str, _parents: Any) -> bool:
        """Tell whether an object of the database takes part in the comparison."""
        return kind != "table" or name in self._declared or f'"{name}"' in self._revisions


def render_enum(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """Write an enum as a type that its table does not create or drop (`render_item`)."""
    if kind != "type" or not isinstance(item, Enum) or not item.native_enum:
        return False
    context.imports.add("from sqlalchemy.dialects import postgresql")
    labels = "".join(f"{label!r}, " for label in item.enums)
    return f"postgresql.ENUM({labels}name={item.name!r}, create_type=False)"


def write_enum_types(
    context: MigrationContext, _revision: Any, directives: list[ops.MigrationScript]
) -> None:
    """Create new enum types first and drop them last (`process_revision_directives`).

    Alembic would create them with a table, but not with a column, and would never drop them.
    """
    existing = set(context.bind.scalars(ENUM_TYPES)) if context.bind else set()
    quote = context.dialect.identifier_preparer.quote
    for script in directives:
        (upgrade,) = script.upgrade_ops_list
        (downgrade,) = script.downgrade_ops_list
        for name, labels in _enums(upgrade.ops).items():
            if name not in existing:
                quoted = ", ".join("'{}'".format(label.replace("'", "''")) for label in labels)
                create = f"CREATE TYPE {quote(name)} AS ENUM ({quoted})"
                upgrade.ops.insert(0, ops.ExecuteSQLOp(create))
                downgrade.ops.append(ops.ExecuteSQLOp(f"DROP TYPE {quote(name)}"))


def _enums(operations: Iterable[ops.MigrateOperation]) -> dict[str, list[str]]:
    types = [column.type for column in _columns(operations)]
    return {
        str(enum.name): enum.enums for enum in types if isinstance(enum, Enum) and enum.native_enum
    }


def _columns(operations: Iterable[ops.MigrateOperation]) -> Iterator[Column[Any]]:
    """Return the columns that the operations create, change or add."""
    for operation in operations:
        if isinstance(operation, ops.ModifyTableOps):
            yield from _columns(operation.ops)
        elif isinstance(operation, ops.CreateTableOp):
            yield from (item for item in operation.columns if isinstance(item, Column))
        elif isinstance(operation, ops.AddColumnOp):
            yield operation.column
