"""Types of settings: lists in one variable, and secrets that must be fit for production."""

import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    SecretStr,
    ValidationInfo,
)

PLACEHOLDER = re.compile(
    r"change.?me|example|placeholder|(your|my|super|top|insert)\W?_?(secret|password|key)"
    r"|^(admin|app|default|dev|guest|pass|password|postgres|root|secret|service|test|user)?\d*$",
    re.IGNORECASE,
)
FEW_CHARACTERS = 5


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
        users = (info.data.get("user"), info.data.get("username"))
        is_known = text in users or PLACEHOLDER.search(text)
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
Secret = Annotated[SecretStr, fit_for_production(1)]
Key = Annotated[SecretStr, fit_for_production(32)]
Keys = Annotated[tuple[Key, ...], SplitCommas]
