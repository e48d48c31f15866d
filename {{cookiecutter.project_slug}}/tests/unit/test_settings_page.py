"""docs/settings.md names every setting with its default."""

import json
import re

import pytest
from pydantic.fields import FieldInfo

from src.config import AppSettings, WorkerSettings
from src.container import PARTS
from src.utils.settings import ROOT, SettingsGroup

PAGE = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
GROUPS: list[type[SettingsGroup]] = [
    AppSettings,
    WorkerSettings,
    *(group for part in PARTS for group in part.settings),
]
FIELDS = {
    group.variable(name): field
    for group in GROUPS
    for name, field in group.model_fields.items()
    if name != "environment" or group is AppSettings
}
# Uvicorn, Make and Compose read other variables, of which some stand in .env.example.
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
OF_OTHER_PROGRAMS = {"COMPOSE_PROJECT_NAME", "FORWARDED_ALLOW_IPS"} | {
    name for name in re.findall(r"^(\w+)=", EXAMPLE, re.MULTILINE) if name not in FIELDS
}


def documented() -> dict[str, str]:
    """Return the documented default of each variable."""
    defaults: dict[str, str] = {}
    for variables, cell in re.findall(r"^\| (`[A-Z_`, ]+`) \| ([^|]+) \|", PAGE, re.MULTILINE):
        names = re.findall(r"`(\w+)`", variables)
        values = re.findall(r"`[^`]+`", cell) or [cell] * len(names)
        defaults |= dict(zip(names, values, strict=True))
    return defaults


def describe(field: FieldInfo) -> str:
    """Return a default as the page writes it."""
    default = field.get_default(call_default_factory=True)
    if field.is_required():
        return "required"
    if hasattr(default, "get_secret_value"):
        default = default.get_secret_value()
    if default in (None, "", (), []):
        return "none"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def test_the_page_names_every_setting_and_no_other() -> None:
    assert documented().keys() - OF_OTHER_PROGRAMS == FIELDS.keys()


@pytest.mark.parametrize("variable", sorted(FIELDS.keys() - {"SECURITY_HASHING_THREADS"}))
def test_the_page_gives_the_default_of_a_setting(variable: str) -> None:
    assert documented()[variable] == describe(FIELDS[variable])
