"""What the service does differently behind a pooler in transaction mode, such as PgBouncer."""

from collections.abc import Mapping

# The pooler passes each transaction to any of its server connections. A statement without a name is
# parsed again where it runs, and leaves nothing behind for the next client of that connection.
NO_PREPARED_STATEMENTS = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": str,
}
"""Options of SQLAlchemy's asyncpg dialect."""
NO_LIMITS = (
    "PostgreSQL does not enforce the time limits of this service{found}. A pooler drops them: set"
    " POSTGRES_POOLER=transaction, and run the SQL that `python -m src.manage role-limits` prints."
)
SIGNS = ("unsupported startup parameter", 'prepared statement "')
"""In errors of a pooler: it refuses time limits, or another client prepared the same name."""
SET = "ALTER ROLE {role} IN DATABASE {database} SET {name} = '{seconds}s';"


def comes_from_pooler(error: BaseException) -> bool:
    """Tell whether a connection failed because the settings do not name the pooler."""
    return any(sign in str(error) for sign in SIGNS)


def role_limits(role: str, database: str, limits: Mapping[str, int]) -> str:
    """Return the SQL that gives these time limits to every new session of a role."""
    names = {"role": _quote(role), "database": _quote(database)}
    return "\n".join(
        SET.format(**names, name=name, seconds=seconds) for name, seconds in limits.items()
    )


def _quote(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))
