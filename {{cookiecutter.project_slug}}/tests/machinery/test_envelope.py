"""The envelope of an event on the wire."""

from datetime import UTC, datetime
from uuid import uuid4

import orjson
import structlog

from src.domain.aggregate import RecordedEvent
from src.repositories.outbox.envelope import to_envelope
from tests.machinery.sample import Sample

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def created() -> RecordedEvent:
    """Return the event of a new sample."""
    [recorded] = Sample.create("first").events
    return recorded


def test_an_event_is_sent_as_a_cloud_event() -> None:
    recorded = created()

    with structlog.contextvars.bound_contextvars(request_id="a-request"):
        envelope = orjson.loads(orjson.dumps(to_envelope(recorded, NOW, "this-service")))

    assert envelope == {
        "specversion": "1.0",
        "id": str(recorded.id),
        "source": "this-service",
        "type": "machinery.sample_created.v1",
        "subject": str(recorded.aggregate_id),
        "time": "2026-01-01T00:00:00+00:00",
        "datacontenttype": "application/json",
        "aggregateversion": 1,
        "requestid": "a-request",
        "data": {"sample_id": str(recorded.aggregate_id), "label": "first"},
    }


def test_the_envelope_carries_the_version_that_the_change_produced() -> None:
    sample = Sample.create("first")
    sample.rename("second")
    sample.rename("third")

    versions = [to_envelope(it, NOW, "this-service")["aggregateversion"] for it in sample.events]

    assert versions == [1, 2, 3]


def test_an_event_outside_a_request_has_no_request_id() -> None:
    structlog.contextvars.clear_contextvars()

    assert to_envelope(created(), NOW, "this-service")["requestid"] is None


def test_two_events_of_one_aggregate_have_different_ids() -> None:
    sample = Sample(id=uuid4(), label="first")
    sample.rename("second")
    sample.rename("third")

    first, second = sample.events

    assert first.id != second.id
