"""The settings, a group for each component.

A variable is named like its group and its field: `POSTGRES_POOL_SIZE`.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from sqlalchemy import URL

from src.domain.session import SessionLifetime
from src.utils import settings
from src.utils.settings import Group, Server, fit_for_production

Secret = Annotated[SecretStr, fit_for_production(1)]


class AppSettings(Group, env_prefix="APP_"):
    """The service itself. `name` is what its servers and its tokens call it."""

    environment: Literal["development", "production"] = "development"
    name: str = "{{ cookiecutter.project_slug }}"
    log_level: settings.LogLevel = "INFO"
    docs_enabled: bool = True
    cors_origins: settings.Texts = ()
    drain_seconds: Annotated[float, Field(ge=0)] = 0


class PostgresSettings(Server, env_prefix="POSTGRES_"):
    """PostgreSQL."""

    port: PositiveInt = 5432
    user: str
    password: Secret
    db: str
    pool_size: PositiveInt = 10

    @property
    def url(self) -> URL:
        """The address for SQLAlchemy, password included."""
        password = self.password.get_secret_value()
        return URL.create("postgresql+asyncpg", self.user, password, self.host, self.port, self.db)


# {% if cookiecutter.use_redis %}
class RedisSettings(Server, env_prefix="REDIS_"):
    """Redis. `timeout_seconds` is how long a read waits for it before it asks Postgres."""

    port: PositiveInt = 6379
    password: Annotated[SecretStr, fit_for_production(0)] = SecretStr("")
    ttl_seconds: PositiveInt = 300
    timeout_seconds: PositiveFloat = 0.05


# {% endif %}
# {% if cookiecutter.use_rabbitmq %}
class RabbitMQSettings(Server, env_prefix="RABBITMQ_"):
    """RabbitMQ."""

    port: PositiveInt = 5672
    user: str
    password: Secret
    vhost: str = "/"
    retry_delays_seconds: settings.Delays = (10, 60, 300)


# {% else %}
class QueueSettings(Group, env_prefix="QUEUE_"):
    """The queue of events in Postgres."""

    retry_delays_seconds: settings.Delays = (10, 60, 300)


# {% endif %}
class WorkerSettings(Group, env_prefix="WORKER_"):
    """The consumer worker. It touches `health_file` while messages can arrive."""

    concurrency: PositiveInt = 50
    handler_timeout_seconds: PositiveFloat = 30
    shutdown_grace_seconds: PositiveFloat = 35
    health_file: Path | None = None


class SecuritySettings(Group, env_prefix="SECURITY_"):
    """Tokens and sessions."""

    secret_key: settings.Key
    previous_secret_keys: settings.Keys = ()
    access_token_ttl_seconds: Annotated[int, Field(ge=1, le=600)] = 600
    session_idle_seconds: PositiveInt = 14 * 24 * 3600
    session_lifetime_seconds: PositiveInt = 90 * 24 * 3600

    @field_validator("session_idle_seconds", "session_lifetime_seconds")
    @classmethod
    def _outlives_access_token(cls, seconds: int, info: ValidationInfo) -> int:
        if seconds < info.data.get("access_token_ttl_seconds", 0):
            raise ValueError("must not be less than SECURITY_ACCESS_TOKEN_TTL_SECONDS")
        return seconds

    @property
    def secret_keys(self) -> list[str]:
        """The key that signs, then those that still verify."""
        return [k.get_secret_value() for k in (self.secret_key, *self.previous_secret_keys)]

    @property
    def lifetime(self) -> SessionLifetime:
        """How long sessions live."""
        idle, absolute = self.session_idle_seconds, self.session_lifetime_seconds
        return SessionLifetime(idle=timedelta(seconds=idle), absolute=timedelta(seconds=absolute))


class HashingSettings(Group, env_prefix="SECURITY_HASHING_"):
    """Passwords: how many are hashed and wait to be at once, and Argon2id's parameters.

    Those are OWASP's (Password Storage Cheat Sheet).
    """

    threads: PositiveInt = os.cpu_count() or 1
    queue: PositiveInt = 100
    memory_kib: Annotated[int, Field(ge=64)] = 19_456
    passes: PositiveInt = 2
    lanes: Annotated[int, Field(ge=1, le=8)] = 1


class ThrottleSettings(Group, env_prefix="SECURITY_THROTTLE_"):
    """How many guesses of a password may be wrong before the next have to wait."""

    window_seconds: PositiveInt = 15 * 60
    per_address: PositiveInt = 100
    per_account: PositiveInt = 50
    per_account_and_address: PositiveInt = 10


class Settings(BaseModel, frozen=True):
    """All groups."""

    app: AppSettings
    postgres: PostgresSettings
    # {% if cookiecutter.use_redis %}
    redis: RedisSettings
    # {% endif %}
    # {% if cookiecutter.use_rabbitmq %}
    rabbitmq: RabbitMQSettings
    # {% else %}
    queue: QueueSettings
    # {% endif %}
    worker: WorkerSettings
    security: SecuritySettings
    security_hashing: HashingSettings
    security_throttle: ThrottleSettings


def load_settings() -> Settings:
    """Return the settings, or raise one `SettingsError` that names all that is wrong."""
    return settings.load(Settings)
