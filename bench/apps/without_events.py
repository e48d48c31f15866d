"""The service without events: `uvicorn bench.apps.without_events:app`.

The only benchmark that reaches into the service: its aggregates record nothing.
"""

# mypy: disable-error-code="import-not-found"
from src.domain.aggregate import Aggregate


def record_nothing(*_: object, **__: object) -> None:
    """Take the place of `Aggregate.record`."""


if not callable(getattr(Aggregate, "record", None)):
    message = "Aggregate.record has moved: change bench/apps/without_events.py."
    raise SystemExit(message)
Aggregate.record = record_nothing

from src.main import app  # noqa: E402 - imported after the change

__all__ = ["app"]
