"""The loading of settings: from the environment, from `.env` and from files; all or none."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from src.utils.env_file import DIFFERENT, ambiguous
from src.utils.setting_types import Key

ROOT = Path(__file__).parents[2]
SECRETS = (SecretStr, tuple[Key, ...])
NO_SECRET = re.compile(r"[\0\ud800-\udfff]")
NO_TEXT = re.compile(r"[\0-\x1f\x7f\ud800-\udfff]")


class SettingsError(SystemExit):
    """The settings do not allow a start. It names every wrong variable, and no value.

    As a `SystemExit`, it ends the process with this message and exit code 1.
    """


class SettingsGroup(BaseSettings):
    """Settings whose variables share a prefix. The environment overrides `.env`.

    A variable is named after its group and its field: `POSTGRES_POOL_SIZE`. An empty variable
    counts as unset.
    """

    model_config = SettingsConfigDict(
        env_file=ROOT / ".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
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
                    secret = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
                except (OSError, UnicodeError) as error:
                    raise ValueError(f"{variable} cannot be read: {error}") from None
                if secret:
                    values[name] = secret
        return values

    @field_validator("*", mode="before")
    @classmethod
    def _is_text(cls, value: object, info: ValidationInfo) -> object:
        """Refuse what no server takes: control characters, and bytes that are not UTF-8."""
        if isinstance(value, str):
            is_secret = cls.model_fields[str(info.field_name)].annotation in SECRETS
            if (NO_SECRET if is_secret else NO_TEXT).search(value):
                raise ValueError("must be text in UTF-8 without control characters")
        return value

    @classmethod
    def variable(cls, field: str) -> str:
        """Return the environment variable of a field."""
        return f"{cls.model_config['env_prefix']}{field}".upper()


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
        problems += [f"{name}: {DIFFERENT}" for name in _ambiguous(group)]
        try:
            loaded[group] = group()
        except ValidationError as error:
            problems += [_describe(group, e["loc"], e["msg"]) for e in error.errors()]
    if problems:
        raise SettingsError("\n  ".join(["The settings do not allow a start:", *problems]))
    return Settings(loaded)


def _ambiguous(group: type[SettingsGroup]) -> list[str]:
    """Return the variables of a group whose values in `.env` Compose would read differently."""
    file = cast("Path | None", group.model_config.get("env_file"))
    names = {group.variable(name) for name in group.model_fields} - {*os.environ}
    try:
        text = file.read_text(encoding="utf-8") if file and file.is_file() else ""
    except UnicodeError:
        raise SettingsError(".env is not plain UTF-8: save it as UTF-8 without a BOM") from None
    return [name for name in ambiguous(text) if name.upper() in names]


def _describe(group: type[SettingsGroup], location: tuple[int | str, ...], message: str) -> str:
    text = message.removeprefix("Value error, ")
    if text == "Field required":
        text = "is missing or empty"
    return f"{group.variable(str(location[0]))}: {text}" if location else text
