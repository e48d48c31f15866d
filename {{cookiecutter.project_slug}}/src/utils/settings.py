"""How settings are read: from the environment, from `.env` and from files; all or none."""

import os
import re
from pathlib import Path
from ssl import SSLContext, create_default_context
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
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

M = TypeVar("M", bound=BaseModel)

ROOT = Path(__file__).parents[2]
KNOWN = re.compile(
    r"change.?me|example|placeholder|(your|my|super|top|insert)\W?_?(secret|password|key)"
    r"|^(admin|app|default|dev|guest|pass|password|postgres|root|secret|service|test|user)?\d*$",
    re.IGNORECASE,
)
FEW_CHARACTERS = 5


class SettingsError(SystemExit):
    """What is set does not allow a start. Names every variable that is wrong, and no value.

    It ends the process with that as its last words, and with exit code 1.
    """


def is_production(info: ValidationInfo) -> bool:
    """Tell whether a setting has to be fit for production."""
    return bool(info.data.get("environment") != "development")


def fit_for_production(min_characters: int) -> AfterValidator:
    """Have production refuse a secret that is too short, or known to everybody."""

    def check(secret: SecretStr, info: ValidationInfo) -> SecretStr:
        text = secret.get_secret_value()
        if not is_production(info):
            return secret
        if len(text) < min_characters:
            raise ValueError(f"needs {min_characters} characters or more")
        is_known = text == info.data.get("user") or KNOWN.search(text)
        if text and (is_known or len(set(text)) < FEW_CHARACTERS):
            raise ValueError("is a placeholder, an example, a default or the user's name")
        return secret

    return AfterValidator(check)


def split_list(value: object) -> object:
    """Return what commas separate, as `a,b` or as a list in JSON."""
    if not isinstance(value, str):
        return value
    return [part.strip(' "') for part in value.strip("[] ").split(",") if part.strip()]


def quiet_in_production(level: str, info: ValidationInfo) -> str:
    """Have production refuse to log what may be anything."""
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
Key = Annotated[SecretStr, fit_for_production(32)]
Keys = Annotated[tuple[Key, ...], SplitCommas]
SECRETS = (SecretStr, tuple[Key, ...])


class Group(BaseSettings):
    """Settings whose variables have a prefix in common. The environment wins over `.env`."""

    model_config = SettingsConfigDict(
        env_file=ROOT / ".env",
        enable_decoding=False,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    # First, so that it is known in each group when the others are checked.
    environment: str = Field("development", validation_alias="APP_ENVIRONMENT", exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _read_secrets(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Read a secret from the file that `<its variable>_FILE` names, where that is set."""
        for name, field in cls.model_fields.items():
            variable = f"{cls.model_config['env_prefix']}{name}_FILE".upper()
            if field.annotation in SECRETS and (path := os.environ.get(variable)):
                try:
                    values[name] = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
                except (OSError, UnicodeError) as error:
                    raise ValueError(f"{variable} cannot be read: {error}") from None
        return values


class Server(Group):
    """A server to which connections are encrypted once `tls_ca_file` says whom to trust."""

    host: str = "localhost"
    tls_ca_file: FilePath | None = None

    @property
    def tls(self) -> SSLContext | None:
        """What verifies the server's certificate and name."""
        return create_default_context(cafile=self.tls_ca_file) if self.tls_ca_file else None


def load(kind: type[M]) -> M:
    """Return settings of this kind, whose fields are groups, or raise one `SettingsError`."""
    try:
        # From nothing, each group reads what is its own.
        return kind.model_validate({group: {} for group in kind.model_fields})
    except ValidationError as error:
        lines = ["The settings do not allow a start:"]
        for e in error.errors():
            variable = "_".join(map(str, e["loc"][:2])).upper()
            text = e["msg"].removeprefix("Value error, ")
            lines.append(text if text.startswith(variable) else f"{variable}: {text}")
        raise SettingsError("\n  ".join(lines)) from None
