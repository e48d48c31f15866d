"""Statements on the PostgreSQL of a run, past every pooler."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tools.servers.clients import postgres_connection

if TYPE_CHECKING:
    from tools.servers.running import Servers

UTF8 = "TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"  # as docs/deployment.md says


@dataclass(frozen=True)
class Role:
    """A user without special rights, and the database that it owns."""

    name: str
    password: str

    def settings(self, servers: Servers) -> dict[str, str]:
        """Return the settings of a service that uses the database directly."""
        return {
            **servers.environment(),
            "POSTGRES_USER": self.name,
            "POSTGRES_PASSWORD": self.password,
            "POSTGRES_DB": self.name,
        }


def sql(servers: Servers, statement: str, database: str | None = None) -> list[Any]:
    """Run a statement as the administrator, and return the first column of its rows."""

    async def run() -> list[Any]:
        async with postgres_connection(servers.environment(), database) as connection:
            return [row[0] for row in await connection.fetch(statement)]

    return asyncio.run(run())


def create_role(servers: Servers, name: str, rights: str = "") -> Role:
    """Create a user and a database of its own with the same name."""
    role = Role(name, secrets.token_hex(12))
    sql(servers, f"CREATE ROLE \"{name}\" LOGIN {rights} PASSWORD '{role.password}'")
    sql(servers, f'CREATE DATABASE "{name}" OWNER "{name}" {UTF8}')
    return role
