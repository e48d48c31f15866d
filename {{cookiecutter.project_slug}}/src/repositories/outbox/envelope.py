"""The envelope of an event: CloudEvents 1.0 in JSON."""

from dataclasses import fields
from datetime import datetime
from typing import Any

import structlog

from src.domain.aggregate import RecordedEvent


def to_envelope(recorded: RecordedEvent, now: datetime, source: str) -> dict[str, Any]:
    """Return an event as a CloudEvent (cloudevents.io).

    `subject` is the aggregate's id, and `aggregateversion` orders its events. `requestid` is the
    request that caused the event, as in the logs.
    """
    event = recorded.event
    return {
        "specversion": "1.0",
        "id": recorded.id,
        "source": source,
        "type": event.name,
        "subject": recorded.aggregate_id,
        "time": now,
        "datacontenttype": "application/json",
        "aggregateversion": recorded.aggregate_version,
        "requestid": structlog.contextvars.get_contextvars().get("request_id"),
        "data": {field.name: getattr(event, field.name) for field in fields(event)},
    }
