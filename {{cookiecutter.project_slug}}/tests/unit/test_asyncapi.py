"""The contract: docs/asyncapi.yaml."""

import runpy
from pathlib import Path

import yaml

PROJECT = Path(__file__).parent.parent.parent


def test_the_document_describes_the_events_as_they_are() -> None:
    generated = runpy.run_path(str(PROJECT / "scripts" / "asyncapi.py"))["document"]()
    committed = (PROJECT / "docs" / "asyncapi.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(committed) == yaml.safe_load(generated), "run `make asyncapi`"
