"""The loading of settings: from the environment, from `.env` and from files; all or none."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from ssl import SSLContext, SSLError
from typing import Any, TypeVar, cast

from pydantic import (
    Field,
    FilePath,
    PositiveInt,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from src.utils.setting_types import Key
from src.utils.tls import create_context

ROOT = Path(__file__).parents[2]
SECRETS = (SecretStr, tuple[Key, ...])


class SettingsError(SystemExit):
    """The settings do not allow a start. It names every wrong variable, and no value.

    As a `SystemExit`, it ends the process with this message and exit code 1.
    """


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
    """A server. Connections are encrypted if `tls_ca_file` names the authority to trust.

    The certificate must be for `tls_server_name`, or for `host` if there is none.
    """

    host: str = "localhost"
    port: PositiveInt
    tls_ca_file: FilePath | None = None
    tls_server_name: str = ""

    @field_validator("tls_ca_file")
    @classmethod
    def _is_authority(cls, file: Path | None) -> Path | None:
        if file is not None:
            try:
                create_context(file, "")
            except SSLError:
                raise ValueError("holds no certificate in the PEM format") from None
        return file

    @field_validator("tls_server_name")
    @classmethod
    def _has_use(cls, name: str, info: ValidationInfo) -> str:
        if name and not info.data.get("tls_ca_file"):
            raise ValueError(f"needs {cls.variable('tls_ca_file')}")
        return name

    @property
    def tls(self) -> SSLContext | None:
        """The context that verifies the server's certificate and name."""
        if self.tls_ca_file is None:
            return None
        return create_context(self.tls_ca_file, self.tls_server_name)


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
