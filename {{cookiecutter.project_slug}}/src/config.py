"""Settings, read from the environment and from `.env`, all or none."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import chain
from typing import cast

from pydantic import ValidationError

from src import settings
from src.settings import (
    AppSettings,
    Group,
    HashingSettings,
    PostgresSettings,
    SecuritySettings,
    ThrottleSettings,
    WorkerSettings,
)
from src.utils.setting_types import unfit_secrets

MIN_KEY_CHARACTERS = 32


class SettingsError(Exception):
    """What is set does not allow a start. Names every variable that is wrong, and no value."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All groups."""

    app: AppSettings
    postgres: PostgresSettings
    # {% if cookiecutter.use_redis %}
    redis: settings.RedisSettings
    # {% endif %}
    # {% if cookiecutter.use_rabbitmq %}
    rabbitmq: settings.RabbitMQSettings
    # {% else %}
    queue: settings.QueueSettings
    # {% endif %}
    worker: WorkerSettings
    security: SecuritySettings
    hashing: HashingSettings
    throttle: ThrottleSettings


def load_settings() -> Settings:
    """Return the settings, or raise one `SettingsError` that names all that is wrong."""
    problems: list[str] = []
    loaded: dict[str, Group] = {}
    for field in fields(Settings):
        group = cast("type[Group]", field.type)
        try:
            loaded[field.name] = group()
        except ValidationError as error:
            prefix = group.model_config.get("env_prefix", "")
            problems += [f"{prefix}{e['loc'][0]}".upper() + f": {e['msg']}" for e in error.errors()]
    if getattr(loaded.get("app"), "environment", "production") == "production":
        problems += chain.from_iterable(map(_unfit_for_production, loaded.values()))
    if problems:
        raise SettingsError("\n  ".join(["The settings do not allow a start:", *problems]))
    return Settings(**loaded)  # type: ignore[arg-type]  # each is of its field's type


def _unfit_for_production(group: Group) -> Iterator[str]:
    if isinstance(group, AppSettings) and group.log_level == "DEBUG":
        yield "APP_LOG_LEVEL: production does not log at this level"
    yield from unfit_secrets(
        group, MIN_KEY_CHARACTERS if isinstance(group, SecuritySettings) else 0
    )
