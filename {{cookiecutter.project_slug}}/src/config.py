"""The settings of the application, Postgres and the worker. `wiring/` declares the others."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt
from sqlalchemy import URL

from src.utils.server_settings import ServerSettings
from src.utils.setting_limits import (
    CENTURY,
    Duration,
    Host,
    Identifier,
    Name,
    Origins,
    PathPrefix,
    Port,
    WritableFile,
)
from src.utils.setting_types import LogLevel, Secret
from src.utils.settings import SettingsGroup

SERVICE = "{{ cookiecutter.project_slug }}"
"""The name of this service as rendered. It marks the database as this service's."""


class AppSettings(SettingsGroup, env_prefix="APP_"):
    """The service itself. `name` identifies it on its servers and in its tokens."""

    environment: Literal["development", "production"] = "development"
    name: Name = SERVICE
    log_level: LogLevel = "INFO"
    docs_enabled: bool = True
    cors_origins: Origins = ()
    root_path: PathPrefix = ""
    drain_seconds: Annotated[float, Field(ge=0, le=CENTURY)] = 0


class PostgresSettings(ServerSettings, env_prefix="POSTGRES_"):
    """PostgreSQL, or a pooler in front of it. `direct_host` then leads to PostgreSQL itself."""

    port: Port = 5432
    user: Identifier
    password: Secret
    db: Identifier
    pool_size: PositiveInt = 10
    pooler: Literal["none", "transaction"] = "none"
    direct_host: Host | None = None
    direct_port: Port = 5432

    @property
    def url(self) -> URL:
        """The address for SQLAlchemy, with the password."""
        return URL.create(
            "postgresql+asyncpg",
            username=self.user,
            password=self.password.get_secret_value(),
            host=self.host,
            port=self.port,
            database=self.db,
        )

    @property
    def direct_url(self) -> URL | None:
        """The address for what needs a session, or None if only a pooler is known."""
        if self.direct_host:
            return self.url.set(host=self.direct_host, port=self.direct_port)
        return self.url if self.pooler == "none" else None


class MigrationSettings(SettingsGroup, env_prefix="MIGRATION_"):
    """Migrations: how long one waits for another, and for a lock of another session."""

    lock_wait_seconds: Duration = 300


class WorkerSettings(SettingsGroup, env_prefix="WORKER_"):
    """The consumer worker. It touches `health_file` while messages can arrive."""

    concurrency: Annotated[int, Field(ge=1, le=65535)] = 50
    handler_timeout_seconds: Duration = 30
    shutdown_grace_seconds: Duration = 35
    health_file: WritableFile | None = None
