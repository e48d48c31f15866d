"""The loading of settings: from the environment, from `.env` and from files; all or none."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from ssl import SSLContext, create_default_context
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    FilePath,
    PositiveInt,
    SecretStr,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).parents[2]
PLACEHOLDER = re.compile(
    r"change.?me|example|placeholder|(your|my|super|top|insert)\W?_?(secret|password|key)"
    r"|^(admin|app|default|dev|guest|pass|password|postgres|root|secret|service|test|user)?\d*$",
    re.IGNORECASE,
)
FEW_CHARACTERS = 5


class SettingsError(SystemExit):
    """The settings do not allow a start. It names every wrong variable, and no value.

    As a `SystemExit`, it ends the process with this message and exit code 1.
    """


def is_production(info: ValidationInfo) -> bool:
    """Tell whether a setting has to be fit for production."""
    return bool(info.data.get("environment") != "development")


def fit_for_production(min_characters: int) -> AfterValidator:
    """Return a validator: production refuses a secret that is short, a placeholder or a default."""

    def check(secret: SecretStr, info: ValidationInfo) -> SecretStr:
        text = secret.get_secret_value()
        if not is_production(info):
            return secret
        if len(text) < min_characters:
            raise ValueError(f"needs {min_characters} characters or more")
        is_known = text == info.data.get("user") or PLACEHOLDER.search(text)
        if text and (is_known or len(set(text)) < FEW_CHARACTERS):
            raise ValueError("is a placeholder, an example, a default or the user's name")
        return secret

    return AfterValidator(check)


def split_list(value: object) -> object:
    """Split a list that is written as `a,b` or in JSON."""
    if not isinstance(value, str):
        return value
    return [part.strip(' "') for part in value.strip("[] ").split(",") if part.strip()]


def quiet_in_production(level: str, info: ValidationInfo) -> str:
    """Refuse the level DEBUG in production, because libraries may log personal data there."""
    if level == "DEBUG" and is_production(info):
        raise ValueError("production does not log at this level")
    return level


LogLevel = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR"],
    BeforeValidator(str.upper),
    AfterValidator(quiet_in_production),
]
SplitCommas = BeforeValidator(split_list)
Texts = Annotated[tuple[str, ...], SplitCommas]
Delays = Annotated[tuple[PositiveInt, ...], SplitCommas, Field(min_length=1)]
Secret = Annotated[SecretStr, fit_for_production(1)]
OptionalSecret = Annotated[SecretStr, fit_for_production(0)]
Key = Annotated[SecretStr, fit_for_production(32)]
Keys = Annotated[tuple[Key, ...], SplitCommas]
SECRETS = (SecretStr, tuple[Key, ...])


class SettingsGroup(BaseSettings):
    """Settings whose variables share a prefix. The environment overrides `.env`.

    A variable is named after its group and its field: `POSTGRES_POOL_SIZE`.
    """

    model_config = SettingsConfigDict(
        env_file=ROOT / ".env",
        enable_decoding=False,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    # The first field, so that the validators of the others know it.
    environment: str = Field("development", validation_alias="APP_ENVIRONMENT", exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _read_secrets(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Read a secret from a file if `<its variable>_FILE` names one."""
        for name, field in cls.model_fields.items():
            variable = f"{cls.variable(name)}_FILE"
            if field.annotation in SECRETS and (path := os.environ.get(variable)):
                try:
                    values[name] = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
                except (OSError, UnicodeError) as error:
                    raise ValueError(f"{variable} cannot be read: {error}") from None
        return values

    @classmethod
    def variable(cls, field: str) -> str:
        """Return the environment variable of a field."""
        return f"{cls.model_config['env_prefix']}{field}".upper()


class ServerSettings(SettingsGroup):
    """A server. Connections are encrypted if `tls_ca_file` names the authority to trust."""

    host: str = "localhost"
    port: PositiveInt
    tls_ca_file: FilePath | None = None

    @property
    def tls(self) -> SSLContext | None:
        """The context that verifies the server's certificate and name."""
        return create_default_context(cafile=self.tls_ca_file) if self.tls_ca_file else None


G = TypeVar("G", bound=SettingsGroup)


class Settings:
    """The loaded groups, by type: `settings[PostgresSettings].pool_size`."""

    def __init__(self, groups: Mapping[type[SettingsGroup], SettingsGroup]) -> None:
        self._groups = groups

    def __getitem__(self, group: type[G]) -> G:
        return cast("G", self._groups[group])

    def replace(self, *groups: SettingsGroup) -> "Settings":
        """Return a copy in which these groups replace those of the same type."""
        return Settings({**self._groups, **{type(group): group for group in groups}})


def load(groups: Iterable[type[SettingsGroup]]) -> Settings:
    """Load these groups, or raise one `SettingsError` that names everything that is wrong."""
    loaded: dict[type[SettingsGroup], SettingsGroup] = {}
    problems: list[str] = []
    for group in groups:
        try:
            loaded[group] = group()
        except ValidationError as error:
            problems += [_describe(group, e["loc"], e["msg"]) for e in error.errors()]
    if problems:
        raise SettingsError("\n  ".join(["The settings do not allow a start:", *problems]))
    return Settings(loaded)


def _describe(group: type[SettingsGroup], location: tuple[int | str, ...], message: str) -> str:
    text = message.removeprefix("Value error, ")
    return f"{group.variable(str(location[0]))}: {text}" if location else text
