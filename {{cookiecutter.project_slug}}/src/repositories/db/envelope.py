"""How an event looks on the wire: CloudEvents 1.0, structured JSON (cloudevents.io)."""

from dataclasses import fields

import structlog

from src.domain.events import Event
from src.usecases.ports.outbox import Envelope

COMMON_FIELDS = frozenset(field.name for field in fields(Event))


def to_envelope(event: Event, source: str) -> Envelope:
    """Return the CloudEvent of a domain event.

    `subject` is the aggregate's id and `aggregateversion` orders its events. `requestid` is the
    request (or the message) that caused the event, taken from the logging context.
    """
    data = {
        field.name: getattr(event, field.name)
        for field in fields(event)
        if field.name not in COMMON_FIELDS
    }
    return {
        "specversion": "1.0",
        "id": event.event_id,
        "source": source,
        "type": event.name,
        "subject": event.aggregate_id,
        "time": event.occurred_at,
        "datacontenttype": "application/json",
        "aggregateversion": event.aggregate_version,
        "requestid": structlog.contextvars.get_contextvars().get("request_id"),
        "data": data,
    }
