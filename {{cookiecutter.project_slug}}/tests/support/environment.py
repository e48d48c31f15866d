"""The settings' variables, by what the settings themselves say of them."""

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from src.config import Settings, load_settings
from src.utils.settings import SettingsError

GROUPS: list[Any] = [group.annotation for group in Settings.model_fields.values()]
SECRET = "s3cret-that-must-never-be-shown-0123456789"
FIELDS = {
    f"{group.model_config['env_prefix']}{name}".upper(): field
    for group in GROUPS
    for name, field in group.model_fields.items()
    if not field.validation_alias
}
REQUIRED = [name for name, field in FIELDS.items() if field.is_required()]
SECRETS = [name for name, field in FIELDS.items() if field.annotation is SecretStr]
COMPLETE = dict.fromkeys(REQUIRED, "service") | dict.fromkeys(SECRETS, SECRET)


class Environment:
    """The variables that the service may read, and no others."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        for name in [name for name in os.environ if name in FIELDS]:
            patch.delenv(name)
        self.read_file(None)

    def read_file(self, path: Path | None) -> None:
        """Have the settings read this file in place of the developer's `.env`."""
        for group in GROUPS:
            self._patch.setitem(group.model_config, "env_file", path)

    def unset(self, name: str) -> None:
        """Take a variable away."""
        self._patch.delenv(name)

    def set(self, variables: dict[str, str], **more: str) -> None:
        """Set variables."""
        for name, value in (variables | more).items():
            self._patch.setenv(name, value)


def refusal() -> str:
    """Return why the settings do not allow a start."""
    with pytest.raises(SettingsError) as error:
        load_settings()
    return str(error.value)
