"""The variables of the settings, derived from the settings themselves."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from src.config import AppSettings, WorkerSettings
from src.container import PARTS, load_settings
from src.utils.settings import SettingsError, SettingsGroup

GROUPS: list[type[SettingsGroup]] = [
    AppSettings,
    WorkerSettings,
    *(group for part in PARTS for group in part.settings),
]
SECRET = "s3cret-that-must-never-be-shown-0123456789"
FIELDS = {
    group.variable(name): field
    for group in GROUPS
    for name, field in group.model_fields.items()
    if not field.validation_alias
}
REQUIRED = [name for name, field in FIELDS.items() if field.is_required()]
SECRETS = [name for name, field in FIELDS.items() if field.annotation is SecretStr]
COMPLETE = dict.fromkeys(REQUIRED, "service") | dict.fromkeys(SECRETS, SECRET)


class Environment:
    """The environment without any variable of the service, until a test sets some."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        for name in [name for name in os.environ if name in FIELDS]:
            patch.delenv(name)
        self.read_file(None)

    def read_file(self, path: Path | None) -> None:
        """Make the settings read this file in place of the developer's `.env`."""
        for group in GROUPS:
            self._patch.setitem(group.model_config, "env_file", path)

    def unset(self, name: str) -> None:
        """Remove a variable."""
        self._patch.delenv(name)

    def set(self, variables: dict[str, str], **more: str) -> None:
        """Set variables."""
        for name, value in (variables | more).items():
            self._patch.setenv(name, value)


def refusal() -> str:
    """Load settings that do not allow a start, and return the message."""
    with pytest.raises(SettingsError) as error:
        load_settings()
    return str(error.value)
