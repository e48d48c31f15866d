"""docs/asyncapi.yaml, which other services rely on."""

import runpy

import pytest
import yaml

from src.domain.event import EVENT_TYPES
from src.utils.settings import ROOT


def test_the_document_describes_every_event(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, event in [*EVENT_TYPES.items()]:
        if event.__module__.startswith("tests."):
            monkeypatch.delitem(EVENT_TYPES, name)
    generated = runpy.run_path(str(ROOT / "scripts" / "asyncapi.py"))["document"]()
    committed = (ROOT / "docs" / "asyncapi.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(committed) == yaml.safe_load(generated), "run `make asyncapi`"
