"""The outbox as a queue: the statements that take a message, and answer it."""

from sqlalchemy import Executable, Interval, bindparam, delete, func, select, text, update

from src.repositories.db.models import OutboxRow

UNANSWERED = "UnansweredError: its worker died or lost the database"
"""The last error of a message that was taken, until it is answered."""
NEVER = text("'infinity'")
"""When a dead letter is due."""

IS_SUSPECT = OutboxRow.last_error.is_not_distinct_from(UNANSWERED)
KEY = OutboxRow.sequence == bindparam("key")
DELETE = delete(OutboxRow).where(KEY).returning(OutboxRow.sequence)
# Not if another has taken it meanwhile, because this one was too late.
FAIL = (
    update(OutboxRow)
    .where(KEY, OutboxRow.available_at == bindparam("taken_until"))
    .values(attempts=bindparam("failed"), last_error=bindparam("error"))
    .returning(OutboxRow.sequence)
)
PUT_OFF = FAIL.values(available_at=func.now() + bindparam("delay", type_=Interval))
BURY = FAIL.values(available_at=NEVER)


def _take(*, suspects: bool) -> Executable:
    due = (
        select(OutboxRow.sequence)
        .where(OutboxRow.available_at <= func.now(), IS_SUSPECT if suspects else ~IS_SUSPECT)
        .order_by(OutboxRow.sequence)
        .limit(bindparam("limit"))
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    return (
        update(OutboxRow)
        .where(OutboxRow.sequence == due.c.sequence)
        .values(
            attempts=OutboxRow.attempts + int(suspects),
            last_error=UNANSWERED,
            available_at=func.now() + bindparam("lease", type_=Interval),
        )
        .returning(*OutboxRow.__table__.columns)
    )


TAKE, TAKE_SUSPECTS = _take(suspects=False), _take(suspects=True)
