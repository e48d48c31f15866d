"""Hashing as the settings have it."""

from typing import Any

from src.config import HashingSettings
from src.utils.passwords import Argon2Passwords


def argon2_passwords(**changed: Any) -> Argon2Passwords:
    """Return it with the default parameters, but for those that are given."""
    return Argon2Passwords(**HashingSettings().model_dump() | {"service_name": ""} | changed)
