"""Write docs/asyncapi.yaml: the events of this service, as AsyncAPI 3 (asyncapi.com).

Run it with `make asyncapi` after a change of an event in src/domain/. A test fails until you do.
"""

import sys
import tomllib
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from src import domain  # noqa: E402
from src.domain.event import EVENT_TYPES, Event  # noqa: E402
from src.utils.modules import import_submodules  # noqa: E402

DOCUMENT = PROJECT / "docs" / "asyncapi.yaml"
TEXT = {"type": "string"}


class Quoted(str):
    """A text that YAML could take for something else, such as a service named `on`."""

    __slots__ = ()


class PlainDumper(yaml.SafeDumper):
    """Writes a value that is used twice in full each time, without an alias."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002, D102
        return True

    def represent_quoted(self, text: Quoted) -> yaml.ScalarNode:
        """Write the text in double quotes."""
        return self.represent_scalar("tag:yaml.org,2002:str", text, style='"')


PlainDumper.add_representer(Quoted, PlainDumper.represent_quoted)


def events() -> list[type[Event]]:
    """Return all events of `src/domain`: those in the document keep their order, new ones follow.

    A diff of the document then shows only what changed.
    """
    modules = {module.__name__ for module in import_submodules(domain)}
    names = {name for name, event in EVENT_TYPES.items() if event.__module__ in modules}
    listed = list(yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))["channels"])
    order = [*filter(names.__contains__, listed), *sorted(names - set(listed))]
    return [EVENT_TYPES[name] for name in order]


def data_schema(event: type[Event]) -> dict[str, Any]:
    """Return the JSON schema of an event's facts."""
    schema = TypeAdapter(event).json_schema()
    facts = schema.get("properties", {})
    return {"type": "object", "properties": facts, "required": sorted(facts)}


def message(event: type[Event]) -> dict[str, Any]:
    """Return an event's message on the wire: a CloudEvent."""
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
    """Return the whole document as YAML."""
    pyproject = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    project = pyproject["project"]
    types = events()
    channels = {event.name: channel(event.name) for event in types}
    operations = {
        event.name: {"action": "send", "channel": {"$ref": f"#/channels/{event.name}"}}
        for event in types
    }
    whole = {
        "asyncapi": "3.0.0",
        "info": {"title": Quoted(project["name"]), "version": project["version"]},
        "channels": channels,
        "operations": operations,
        "components": {"messages": {event.name: message(event) for event in types}},
    }
    return yaml.dump(whole, Dumper=PlainDumper, sort_keys=False)


def channel(name: str) -> dict[str, Any]:
    """Return the channel of an event. Its address is the event's name."""
    return {"address": name, "messages": {name: {"$ref": f"#/components/messages/{name}"}}}


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8", newline="\n")
