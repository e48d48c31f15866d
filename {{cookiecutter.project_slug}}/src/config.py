"""Settings, read from the environment and from `.env`: one group, one prefix a component."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt, SecretStr, ValidationError
from pydantic_settings import NoDecode, SettingsConfigDict
from sqlalchemy import URL

from src.domain.session import SessionLifetime
from src.utils.settings import Encrypted, SecretsInFiles, missing_secrets

ROOT = Path(__file__).parent.parent
MIN_SECRET_CHARACTERS = 32


class SettingsError(Exception):
    """What is set does not allow a start. Names every variable that is wrong, and no value."""


LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(str.upper)]
SplitCommas = BeforeValidator(lambda v: v.strip("[] ").split(",") if isinstance(v, str) else v)
Delays = Annotated[tuple[PositiveInt, ...], NoDecode, SplitCommas]


class Group(SecretsInFiles):
    """Settings with a common prefix. The environment wins over `.env`."""

    model_config = SettingsConfigDict(
        env_file=ROOT / ".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )


class AppSettings(Group, env_prefix="APP_"):
    """The service itself. `name` is in the names of queues and cache keys and in tokens."""

    name: str = "{{ cookiecutter.project_slug }}"
    environment: Literal["development", "production"] = "development"
    log_level: LogLevel = "INFO"
    drain_seconds: Annotated[float, Field(ge=0)] = 0


class PostgresSettings(Group, Encrypted, env_prefix="POSTGRES_"):
    """PostgreSQL."""

    host: str = "localhost"
    port: PositiveInt = 5432
    user: str
    password: SecretStr
    db: str
    pool_size: PositiveInt = 10

    @property
    def url(self) -> URL:
        """The address for SQLAlchemy, password included."""
        password = self.password.get_secret_value()
        return URL.create("postgresql+asyncpg", self.user, password, self.host, self.port, self.db)


# {% if cookiecutter.use_redis %}
class RedisSettings(Group, Encrypted, env_prefix="REDIS_"):
    """Redis. `timeout_seconds` is how long a read waits for it before it asks Postgres."""

    host: str = "localhost"
    port: PositiveInt = 6379
    password: SecretStr = SecretStr("")
    ttl_seconds: PositiveInt = 300
    timeout_seconds: PositiveFloat = 0.05


# {% endif %}
# {% if cookiecutter.use_rabbitmq %}
class RabbitMQSettings(Group, Encrypted, env_prefix="RABBITMQ_"):
    """RabbitMQ."""

    host: str = "localhost"
    port: PositiveInt = 5672
    user: str
    password: SecretStr
    vhost: str = "/"
    retry_delays_seconds: Delays = (10, 60, 300)


# {% else %}
class QueueSettings(Group, env_prefix="QUEUE_"):
    """The queue of events in Postgres."""

    retry_delays_seconds: Delays = (10, 60, 300)


# {% endif %}
class WorkerSettings(Group, env_prefix="WORKER_"):
    """The consumer worker. It touches `health_file` while messages can arrive."""

    concurrency: PositiveInt = 50
    handler_timeout_seconds: PositiveFloat = 30
    shutdown_grace_seconds: PositiveFloat = 35
    health_file: Path | None = None


class SecuritySettings(Group, env_prefix="SECURITY_"):
    """Tokens and sessions."""

    secret_key: SecretStr
    access_token_ttl_seconds: Annotated[int, Field(ge=1, le=600)] = 600
    hashing_threads: PositiveInt = os.cpu_count() or 1
    session_idle_seconds: PositiveInt = 14 * 24 * 3600
    session_lifetime_seconds: PositiveInt = 90 * 24 * 3600

    @property
    def lifetime(self) -> SessionLifetime:
        """How long sessions live."""
        idle, absolute = self.session_idle_seconds, self.session_lifetime_seconds
        return SessionLifetime(idle=timedelta(seconds=idle), absolute=timedelta(seconds=absolute))


@dataclass(frozen=True, kw_only=True)
class Settings:
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


def load_settings() -> Settings:
    """Return the settings, or raise one `SettingsError` that names all that is wrong."""
    problems: list[str] = []
    groups: dict[str, Group] = {}
    for field in fields(Settings):
        group = cast("type[Group]", field.type)
        try:
            groups[field.name] = group()
        except ValidationError as error:
            prefix = group.model_config.get("env_prefix", "")
            problems += [f"{prefix}{e['loc'][0]}".upper() + f": {e['msg']}" for e in error.errors()]
    if not problems:
        settings = Settings(**groups)  # type: ignore[arg-type]  # each is of its field's type
        if settings.app.environment == "production":
            problems += _unfit_for_production(settings)
    if problems:
        raise SettingsError("\n  ".join(["The settings do not allow a start:", *problems]))
    return settings


def _unfit_for_production(settings: Settings) -> Iterator[str]:
    if len(settings.security.secret_key.get_secret_value()) < MIN_SECRET_CHARACTERS:
        yield f"SECURITY_SECRET_KEY: production needs {MIN_SECRET_CHARACTERS} characters or more"
    for group in vars(settings).values():
        yield from missing_secrets(group)
