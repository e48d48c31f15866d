"""What happens to a message that was not handled: a later attempt, or the dead letters."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Executable, Row

from src.repositories.outbox.unknown import may_wait
from src.repositories.postgres_queue.statements import POSTPONE, SEND_TO_DEAD_LETTERS, WAIT
from src.usecases.errors import DatabaseUnavailableError
from src.usecases.ports.messaging import PermanentError, UnknownEventError, format_error

log = structlog.get_logger()

Outcome = tuple[Executable, dict[str, Any]]
"""A statement that stores the outcome of an attempt, and its parameters."""


def retry(row: Row[Any], error: Exception, delays: Sequence[int]) -> Outcome:
    """Postpone the message by the delay of its attempt.

    After the last attempt, send it to the dead letters. An attempt without a database does not
    count, because then no message can be handled.
    """
    attempt = row.attempts + 1
    # A busy database counts: the message may be the cause.
    counts = type(error) is not DatabaseUnavailableError
    if counts and attempt > len(delays):
        return send_to_dead_letters(row, attempt, "exhausted", format_error(error))
    delay = delays[min(attempt, len(delays)) - 1]
    log.warning("event_failed", retry_in_seconds=delay, exc_info=error)
    parameters = _parameters(row, row.attempts + counts, format_error(error))
    return POSTPONE, {**parameters, "delay": timedelta(seconds=delay)}


def reject(row: Row[Any], error: PermanentError, delays: Sequence[int]) -> Outcome:
    """Send a message that this version cannot handle to the dead letters.

    An event of an unknown type first waits for a newer version, for a day. It is due after each
    longest delay, and no attempt is counted.
    """
    delay = max(delays)
    if isinstance(error, UnknownEventError) and may_wait(error, row.waits, delay):
        parameters = _parameters(row, row.attempts, format_error(error))
        return WAIT, {**parameters, "delay": timedelta(seconds=delay)}
    return send_to_dead_letters(row, row.attempts + 1, error.reason, format_error(error))


def send_to_dead_letters(row: Row[Any], attempts: int, reason: str, error: str) -> Outcome:
    """Keep the message, and never take it again until it is redriven."""
    log.error("event_dead_lettered", reason=reason, error=error)
    return SEND_TO_DEAD_LETTERS, _parameters(row, attempts, f"{reason}: {error}")


def _parameters(row: Row[Any], attempts: int, error: str) -> dict[str, Any]:
    return {"taken_until": row.available_at, "failed": attempts, "error": error}
