"""Checks a database before its first use: its owner, and the time limits of its sessions."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from src.repositories.postgres.pooler import NO_LIMITS
from src.usecases.errors import DatabaseUnavailableError

STATE = """
SELECT current_database() AS database,
  to_regclass('schema_history') IS NOT NULL AS has_history,
  to_regclass('alembic_version') IS NOT NULL AS has_versions,
  current_setting('statement_timeout')::interval AS statement_timeout,
  current_setting('idle_in_transaction_session_timeout')::interval
    AS idle_in_transaction_session_timeout
"""
OWNERS = "SELECT DISTINCT service FROM schema_history ORDER BY service"
HEADS = "SELECT version_num FROM alembic_version"
WRONG_OWNER = (
    "The database {database} belongs to {owner}, and this service is {service}: name a database of"
    " its own with POSTGRES_DB. If the service was renamed, run `python -m src.manage"
    " adopt-database`."
)
NOT_MIGRATED = "The database {database} has no tables yet: run `alembic upgrade head`."


class UnusableDatabaseError(DatabaseUnavailableError):
    """The database belongs to another service, or does not enforce the time limits."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "refused")


def ownership_problem(
    database: str, service: str, owners: Collection[str], heads: Collection[str]
) -> str | None:
    """Return a sentence if a database is not this service's, or None.

    `owners` are the services in its `schema_history`. `heads` are the revisions in
    its `alembic_version`. A database without both is empty: the first migration marks it.
    """
    others = [f"the service {owner}" for owner in owners if owner != service]
    if not owners and heads:
        others = ["a service that left no mark in schema_history"]
    if not others:
        return None
    return WRONG_OWNER.format(database=database, owner=" and ".join(others), service=service)


class DatabaseGuard:
    """Lets no connection of a pool be used until the database has passed the check once.

    So a database that does not answer at the start is checked when it answers. Later uses of a
    connection cost no round trip.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._limits: Mapping[str, int] = {}
        self._has_passed = False

    def watch(self, engine: AsyncEngine, limits: Mapping[str, int]) -> None:
        """Check the database when a connection leaves the pool of this engine.

        `limits` are the time limits in seconds, by the name of PostgreSQL's setting.
        """
        self._limits = limits
        event.listen(engine.sync_engine, "checkout", self._require_usable)

    def _require_usable(self, connection: Any, *_: object) -> None:
        if not self._has_passed:
            connection.run_async(self._check)
            self._has_passed = True

    async def _check(self, driver: asyncpg.Connection) -> None:
        state: Any = await driver.fetchrow(STATE)
        _require_limits(state, self._limits)
        try:
            owners = await driver.fetch(OWNERS) if state["has_history"] else []
            revisions = await driver.fetch(HEADS) if state["has_versions"] else []
        except asyncpg.InsufficientPrivilegeError as error:
            message = f"{error}: POSTGRES_USER must own the database and its tables."
            raise DatabaseUnavailableError(message, "refused") from error
        names = [row["service"] for row in owners]
        heads = [row["version_num"] for row in revisions]
        problem = ownership_problem(state["database"], self._service, names, heads)
        if problem:
            raise UnusableDatabaseError(problem)
        if not names:
            raise DatabaseUnavailableError(NOT_MIGRATED.format(database=state["database"]))


def _require_limits(state: Any, limits: Mapping[str, int]) -> None:
    for name, seconds in limits.items():
        if not timedelta() < state[name] <= timedelta(seconds=seconds):
            found = f" ({name} is {state[name].total_seconds():g} s and must be {seconds} s)"
            raise UnusableDatabaseError(NO_LIMITS.format(found=found))
