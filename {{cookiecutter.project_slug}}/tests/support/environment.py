"""The settings' variables, by what the settings themselves say of them."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from src.config import SettingsError, load_settings
from src.settings import Group

SECRET = "s3cret-that-must-never-be-shown-0123456789"
FIELDS = {
    f"{group.model_config['env_prefix']}{name}".upper(): field
    for group in Group.__subclasses__()
    for name, field in group.model_fields.items()
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
        for group in Group.__subclasses__():
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
