"""What groups of settings have in common: secrets in files, servers with certificates."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from ssl import SSLContext, create_default_context
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    FilePath,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode

KNOWN = re.compile(
    r"change.?me|example|placeholder|(your|my|super|top|insert)\W?_?(secret|password|key)"
    r"|^(admin|app|default|dev|guest|pass|password|postgres|root|secret|service|test|user)?\d*$",
    re.IGNORECASE,
)
FEW_CHARACTERS = 5
SplitCommas = BeforeValidator(lambda v: split_list(v) if isinstance(v, str) else v)
Keys = Annotated[tuple[SecretStr, ...], NoDecode, SplitCommas]
Origins = Annotated[tuple[str, ...], NoDecode, SplitCommas]
SECRETS = (SecretStr, tuple[SecretStr, ...])


def split_list(value: str) -> list[str]:
    """Return what commas separate, as `a,b` or as a list in JSON."""
    return [part.strip(' "') for part in value.strip("[] ").split(",") if part.strip()]


class SecretsInFiles(BaseSettings):
    """Settings whose secrets may be in files, as orchestrators mount them."""

    @model_validator(mode="before")
    @classmethod
    def read_secrets(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Read a secret from the file that `<its variable>_FILE` names, where that is set."""
        for name, field in cls.model_fields.items():
            variable = f"{cls.model_config['env_prefix']}{name}_FILE".upper()
            if field.annotation in SECRETS and (path := os.environ.get(variable)):
                try:
                    values[name] = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
                except (OSError, UnicodeError) as error:
                    reason = PydanticCustomError("unreadable", f"cannot be read: {error}")
                    problem = InitErrorDetails(type=reason, loc=(f"{name}_file",), input=path)
                    raise ValidationError.from_exception_data(variable, [problem]) from None
        return values


class Encrypted(BaseModel):
    """A server to which connections are encrypted once `tls_ca_file` says whom to trust."""

    tls_ca_file: FilePath | None = None

    @property
    def tls(self) -> SSLContext | None:
        """What verifies the server's certificate and name."""
        return create_default_context(cafile=self.tls_ca_file) if self.tls_ca_file else None


def unfit_secrets(group: BaseSettings, min_characters: int) -> Iterator[str]:
    """Tell which secrets of a group are empty, too short, or known to everybody."""
    for name, field in type(group).model_fields.items():
        variable = f"{group.model_config['env_prefix']}{name}".upper()
        value = getattr(group, name)
        for secret in value if isinstance(value, tuple) else (value,):
            text = secret.get_secret_value() if isinstance(secret, SecretStr) else None
            if text is None or (not text and not field.is_required()):
                continue
            if len(text) < max(1, min_characters):
                yield f"{variable}: needs {max(1, min_characters)} characters or more"
            elif text == getattr(group, "user", None) or _is_known(text):
                yield f"{variable}: is a placeholder, an example, a default or the user's name"


def _is_known(secret: str) -> bool:
    return bool(KNOWN.search(secret)) or len(set(secret)) < FEW_CHARACTERS
