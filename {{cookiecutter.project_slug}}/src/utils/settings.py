"""What groups of settings have in common: secrets in files, servers with certificates."""

import os
from collections.abc import Iterator
from pathlib import Path
from ssl import SSLContext, create_default_context
from typing import Any

from pydantic import BaseModel, FilePath, SecretStr, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings

PLACEHOLDER = "change-me"


class SecretsInFiles(BaseSettings):
    """Settings whose secrets may be in files, as orchestrators mount them."""

    @model_validator(mode="before")
    @classmethod
    def read_secrets(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Read a secret from the file that `<its variable>_FILE` names, where that is set."""
        for name, field in cls.model_fields.items():
            variable = f"{cls.model_config['env_prefix']}{name}_FILE".upper()
            if field.annotation is SecretStr and (path := os.environ.get(variable)):
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


def missing_secrets(group: BaseSettings) -> Iterator[str]:
    """Tell which secrets of a group are empty or were never changed."""
    for name, field in type(group).model_fields.items():
        value = getattr(group, name)
        if isinstance(value, SecretStr):
            secret = value.get_secret_value()
            if PLACEHOLDER in secret or (not secret and field.is_required()):
                variable = f"{group.model_config['env_prefix']}{name}".upper()
                yield f"{variable}: is empty or still has its placeholder"
