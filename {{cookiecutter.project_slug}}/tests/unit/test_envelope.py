from datetime import UTC, datetime
from uuid import uuid4

import orjson
import structlog

from src.domain.events import EVENTS, SessionReuseDetected, UserRegistered
from src.repositories.db.events import to_envelope

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def registered() -> UserRegistered:
    user_id = uuid4()
    return UserRegistered(
        aggregate_id=user_id,
        aggregate_version=1,
        occurred_at=NOW,
        user_id=user_id,
        email="ada@example.com",
    )


def test_an_event_is_a_cloud_event() -> None:
    event = registered()

    with structlog.contextvars.bound_contextvars(request_id="a-request"):
        envelope = orjson.loads(orjson.dumps(to_envelope(event, "this-service")))

    assert envelope == {
        "specversion": "1.0",
        "id": str(event.event_id),
        "source": "this-service",
        "type": "user.registered.v1",
        "subject": str(event.user_id),
        "time": "2026-01-01T00:00:00+00:00",
        "datacontenttype": "application/json",
        "aggregateversion": 1,
        "requestid": "a-request",
        "data": {"user_id": str(event.user_id), "email": "ada@example.com"},
    }


def test_the_subject_is_the_aggregate_and_the_data_what_the_event_adds() -> None:
    event = SessionReuseDetected(
        aggregate_id=uuid4(), aggregate_version=3, occurred_at=NOW, user_id=uuid4()
    )

    envelope = to_envelope(event, "this-service")

    assert (envelope["subject"], envelope["aggregateversion"]) == (event.aggregate_id, 3)
    assert envelope["data"] == {"user_id": event.user_id}


def test_an_event_that_no_request_caused_names_none() -> None:
    structlog.contextvars.clear_contextvars()

    assert to_envelope(registered(), "this-service").get("requestid") is None


def test_event_names_are_unique_and_versioned() -> None:
    names = [event.name for event in EVENTS]

    assert len(set(names)) == len(names)
    assert all(name.rpartition(".")[2].removeprefix("v").isdigit() for name in names)
