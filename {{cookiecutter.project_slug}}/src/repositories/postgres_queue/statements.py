"""The outbox as a queue: the statements that take a message and store its outcome."""

from sqlalchemy import Executable, Integer, Interval, bindparam, delete, func, select, text, update

from src.repositories.outbox.tables import OutboxRow

UNANSWERED = "UnansweredError: its worker died or lost the database"
"""The last error of a message from when it is taken until its outcome is stored."""
NEVER = text("'infinity'")
"""When a dead letter is due."""

IS_REDELIVERED = OutboxRow.last_error.is_not_distinct_from(UNANSWERED)
KEY = OutboxRow.sequence == bindparam("key")
DELETE = delete(OutboxRow).where(KEY).returning(OutboxRow.sequence)
# Only if no other consumer has taken the message since, because this outcome is late.
FAIL = (
    update(OutboxRow)
    .where(KEY, OutboxRow.available_at == bindparam("taken_until"))
    .values(attempts=bindparam("failed"), last_error=bindparam("error"))
    .returning(OutboxRow.sequence)
)
POSTPONE = FAIL.values(available_at=func.now() + bindparam("delay", type_=Interval))
WAIT = POSTPONE.values(waits=OutboxRow.waits + 1)
SEND_TO_DEAD_LETTERS = FAIL.values(available_at=NEVER)


def _take(*, redelivered: bool) -> Executable:
    due = (
        select(OutboxRow.sequence)
        .where(
            OutboxRow.available_at <= func.now(),
            IS_REDELIVERED if redelivered else ~IS_REDELIVERED,
        )
        .order_by(OutboxRow.sequence)
        .limit(bindparam("limit"))
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    return (
        update(OutboxRow)
        .where(OutboxRow.sequence == due.c.sequence)
        .values(
            attempts=OutboxRow.attempts + bindparam("counted", type_=Integer),
            last_error=UNANSWERED,
            available_at=func.now() + bindparam("lease", type_=Interval),
        )
        .returning(*OutboxRow.__table__.columns)
    )


TAKE = _take(redelivered=False)
TAKE_REDELIVERED = _take(redelivered=True)
