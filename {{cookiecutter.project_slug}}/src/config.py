"""Settings, read from the environment and from `.env`: one group, one prefix a component."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL

ROOT = Path(__file__).parent.parent
PLACEHOLDER = "change-me"
MIN_SECRET_CHARACTERS = 32


class SettingsError(Exception):
    """What is set is not enough to start. Names every variable that is wrong, and no value."""


def _upper(value: str) -> str:
    return value.upper()


class Group(BaseSettings):
    """Settings with a common prefix. The environment wins over `.env`."""

    model_config = SettingsConfigDict(
        env_file=ROOT / ".env", env_ignore_empty=True, extra="ignore", frozen=True
    )


class AppSettings(Group):
    """The service itself."""

    model_config = SettingsConfigDict(env_prefix="APP_")

    name: str = "{{ cookiecutter.project_slug }}"
    """Names the exchange, the queues, the cache keys and the tokens' issuer."""
    environment: Literal["development", "production"] = "development"
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)] = (
        "INFO"
    )


class PostgresSettings(Group):
    """PostgreSQL."""

    model_config = SettingsConfigDict(env_prefix="POSTGRES_")

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


class RedisSettings(Group):
    """Redis."""

    model_config = SettingsConfigDict(env_prefix="REDIS_")

    host: str = "localhost"
    port: PositiveInt = 6379
    password: SecretStr | None = None
    ttl_seconds: PositiveInt = 300
    timeout_seconds: PositiveFloat = 0.05


class RabbitMQSettings(Group):
    """RabbitMQ."""

    model_config = SettingsConfigDict(env_prefix="RABBITMQ_")

    host: str = "localhost"
    port: PositiveInt = 5672
    user: str
    password: SecretStr
    vhost: str = "/"
    retry_delays_seconds: tuple[PositiveInt, ...] = (10, 60, 300)


class WorkerSettings(Group):
    """The consumer worker."""

    model_config = SettingsConfigDict(env_prefix="WORKER_")

    concurrency: PositiveInt = 50
    handler_timeout_seconds: PositiveFloat = 30
    shutdown_grace_seconds: PositiveFloat = 35
    health_file: Path | None = None


class SecuritySettings(Group):
    """Tokens and sessions."""

    model_config = SettingsConfigDict(env_prefix="SECURITY_")

    secret_key: SecretStr
    access_token_ttl_seconds: Annotated[int, Field(ge=1, le=600)] = 600
    session_idle_seconds: PositiveInt = 14 * 24 * 3600
    session_lifetime_seconds: PositiveInt = 90 * 24 * 3600


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All groups."""

    app: AppSettings
    postgres: PostgresSettings
    redis: RedisSettings
    rabbitmq: RabbitMQSettings
    worker: WorkerSettings
    security: SecuritySettings


def load_settings() -> Settings:
    """Return the settings, or raise one `SettingsError` that names all that is wrong."""
    problems: list[str] = []
    groups = {
        field.name: _load(cast("type[Group]", field.type), problems) for field in fields(Settings)
    }
    if not problems:
        settings = Settings(**groups)  # type: ignore[arg-type]  # each of its own field's type
        if settings.app.environment == "development":
            return settings
        problems += _unfit_for_production(settings)
        if not problems:
            return settings
    raise SettingsError("\n  ".join(["The settings do not allow a start:", *problems]))


def _load(group: type[Group], problems: list[str]) -> Group | None:
    try:
        return group()
    except ValidationError as error:
        prefix = group.model_config.get("env_prefix", "")
        problems += [
            f"{prefix}{str(problem['loc'][0]).upper()}: {problem['msg']}"
            for problem in error.errors(include_input=False)
        ]
        return None


def _unfit_for_production(settings: Settings) -> Iterator[str]:
    secret_key = settings.security.secret_key.get_secret_value()
    if len(secret_key) < MIN_SECRET_CHARACTERS:
        yield f"SECURITY_SECRET_KEY: production needs {MIN_SECRET_CHARACTERS} characters or more"
    secrets = {
        "SECURITY_SECRET_KEY": settings.security.secret_key,
        "POSTGRES_PASSWORD": settings.postgres.password,
        "RABBITMQ_PASSWORD": settings.rabbitmq.password,
    }
    for name, secret in secrets.items():
        if PLACEHOLDER in secret.get_secret_value():
            yield f"{name}: still has its placeholder"
