"""Writes docs/asyncapi.yaml, the description of this service's events in AsyncAPI 3.

Run `make asyncapi` after you change an event class. A test fails while the document is outdated.
"""

import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from src.domain.events import EVENTS, Event  # noqa: E402

DOCUMENT = PROJECT / "docs" / "asyncapi.yaml"
TEXT = {"type": "string"}
INFO = {"title": "name", "version": "version"}
COMMON = {field.name for field in fields(Event)}


class Plain(yaml.SafeDumper):
    """Writes repeated values in full instead of as YAML aliases."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002, D102
        return True


def data_schema(event: type[Event]) -> dict[str, Any]:
    """Return the JSON schema of the facts of an event, without its metadata."""
    schema = TypeAdapter(event).json_schema()
    own = {name: value for name, value in schema["properties"].items() if name not in COMMON}
    return {"type": "object", "properties": own, "required": sorted(own)}


def message(event: type[Event]) -> dict[str, Any]:
    """Return the AsyncAPI message of an event: its CloudEvents envelope as a JSON schema."""
    envelope = {
        "specversion": {"const": "1.0"},
        "id": {**TEXT, "format": "uuid"},
        "source": TEXT,
        "type": {"const": event.name},
        "subject": {**TEXT, "format": "uuid", "description": "The aggregate's id."},
        "time": {**TEXT, "format": "date-time"},
        "datacontenttype": {"const": "application/json"},
        "aggregateversion": {"type": "integer", "description": "Orders the subject's events."},
        "requestid": {"type": ["string", "null"], "description": "The request that caused it."},
        "data": data_schema(event),
    }
    return {
        "name": event.name,
        "summary": (event.__doc__ or "").strip(),
        "contentType": "application/cloudevents+json",
        "payload": {"type": "object", "properties": envelope, "required": sorted(envelope)},
    }


def document() -> str:
    """Return the AsyncAPI document as YAML."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    channels = {event.name: channel(event.name) for event in EVENTS}
    operations = {
        event.name: {"action": "send", "channel": {"$ref": f"#/channels/{event.name}"}}
        for event in EVENTS
    }
    whole = {
        "asyncapi": "3.0.0",
        "info": {name: project["project"][key] for name, key in INFO.items()},
        "channels": channels,
        "operations": operations,
        "components": {"messages": {event.name: message(event) for event in EVENTS}},
    }
    return yaml.dump(whole, Dumper=Plain, sort_keys=False)


def channel(name: str) -> dict[str, Any]:
    """Return the channel of an event. Its address is the event's type."""
    return {"address": name, "messages": {name: {"$ref": f"#/components/messages/{name}"}}}


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
