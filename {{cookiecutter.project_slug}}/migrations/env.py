"""Runs Alembic's commands on the service's database: docs/postgres.md, "Migrations"."""

from alembic import context

import src
from src.config import SERVICE, MigrationSettings, PostgresSettings
from src.repositories.postgres.base import Base
from src.repositories.postgres.migrations.run import Migrations
from src.utils.modules import import_all
from src.utils.settings import load

import_all(src)  # every table enters Base.metadata
migrations = Migrations(metadata=Base.metadata, service=SERVICE)

if context.is_offline_mode():
    migrations.print_sql()
else:
    settings = load([PostgresSettings, MigrationSettings])
    postgres = settings[PostgresSettings]
    migrations.run(
        url=postgres.direct_url,
        tls=postgres.tls,
        lock_wait_seconds=settings[MigrationSettings].lock_wait_seconds,
    )
