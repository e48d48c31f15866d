"""Rows for tables that a test does not know: every table that a migration meets has some."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

ENOUGH = 3
NOW = dt.datetime.now(dt.UTC)
# By the type of a column; the first match counts. `number` differs for each row.
VALUES: Mapping[type[Any], Callable[[Any, int], object]] = {
    sa.Uuid: lambda _, number: uuid4(),
    sa.Enum: lambda kind, number: kind.enums[number % len(kind.enums)],
    sa.Boolean: lambda _, number: True,
    sa.Integer: lambda _, number: number,
    sa.Numeric: lambda _, number: number,
    sa.DateTime: lambda kind, number: NOW if kind.timezone else NOW.replace(tzinfo=None),
    sa.Date: lambda _, number: NOW.date(),
    sa.Interval: lambda _, number: dt.timedelta(seconds=number),
    sa.LargeBinary: lambda _, number: str(number).encode(),
    sa.String: lambda kind, number: f"row {number}"[: kind.length],
    sa.JSON: lambda _, number: {"number": number},
    sa.ARRAY: lambda _, number: [],
    postgresql.INTERVAL: lambda _, number: dt.timedelta(seconds=number),
}
"""Values that no type can tell, for example for a check constraint: `("orders", "state"): …`."""
SPECIAL: dict[tuple[str, str], Callable[[int], object]] = {}


def fill(connection: sa.Connection) -> dict[str, int]:
    """Add rows to every table that has less than three, and return how many each has."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    for table in metadata.sorted_tables:
        if table.name not in {"alembic_version", "schema_history"}:
            for number in range(_count(connection, table), ENOUGH):
                connection.execute(sa.insert(table).values(_row(connection, table, number)))
    return {table.name: _count(connection, table) for table in metadata.sorted_tables}


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def _row(connection: sa.Connection, table: sa.Table, number: int) -> dict[str, object]:
    return {
        column.name: _value(connection, column, number)
        for column in table.columns
        if not (column.server_default or column.identity or column.computed)
    }


def _value(connection: sa.Connection, column: sa.Column[Any], number: int) -> object:
    if special := SPECIAL.get((column.table.name, column.name)):
        return special(number)
    for key in column.foreign_keys:
        return connection.scalar(sa.select(key.column).offset(number).limit(1))
    for kind, value in VALUES.items():
        if isinstance(column.type, kind):
            return value(column.type, number)
    place = f"{column.table.name}.{column.name}"
    raise NotImplementedError(f"add a value for {place} ({column.type!r}) to tests/support/rows.py")
