"""Turns the failure of a migration into one paragraph: what failed, why, and the way out."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

UNREACHABLE = (
    "Start it, or correct POSTGRES_HOST and POSTGRES_PORT in .env: with a pooler,"
    " POSTGRES_DIRECT_HOST and POSTGRES_DIRECT_PORT."
)
REFUSED = """\
If .env is new, the volume of PostgreSQL still has the old password. Two ways out:
  keep the data:   put the old .env back, or see "A new .env and old volumes" in docs/deployment.md
  delete the data: docker compose down --volumes"""
POOLER = "Name PostgreSQL itself, not a pooler, with POSTGRES_DIRECT_HOST and POSTGRES_DIRECT_PORT."
# By SQLSTATE: a wrong password, another refused login, a missing database, a missing right, a
# startup parameter that a pooler refuses.
WAYS_OUT = {
    "28P01": REFUSED,
    "28000": REFUSED,
    "3D000": "Create it, or correct POSTGRES_DB in .env.",
    "42501": "POSTGRES_USER must own the database and its tables.",
    "08P01": POOLER,
}
TWO_HEADS = """\
The migrations have several heads: {heads}. Join them, as "Two heads" in docs/postgres.md describes:
  .venv/bin/alembic merge heads --message "join two heads\""""
RUN_AGAIN = "The revisions before it are applied. Correct the cause and run the migration again."
# Constraint violations and data errors: the server's DETAIL shows values of rows.
SHOW_ROWS = ("22", "23")
LONGEST_STATEMENT = 200


class MigrationError(Exception):
    """A migration cannot go on. The message is a sentence for the operator."""


def sqlstate(error: DBAPIError) -> str:
    """Return the SQLSTATE, or an empty text for an error that does not come from the server."""
    return getattr(error.orig, "sqlstate", None) or ""


def require_one_head(script: ScriptDirectory) -> None:
    """Exit with the way out if two branches have each added a revision."""
    heads = script.get_heads()
    if len(heads) > 1:
        raise SystemExit(TWO_HEADS.format(heads=", ".join(heads)))


@contextmanager
def explained(server: str, script: ScriptDirectory) -> Iterator[None]:
    """Exit with code 1 and one paragraph if the migration fails.

    The paragraph names the revision that raised the error. An error that comes from no
    revision and not from the server keeps its traceback.
    """
    try:
        yield
    except MigrationError as error:
        raise SystemExit(str(error)) from None
    except Exception as error:
        place = _find_revision(error, script)
        message = _explain(error, server) if place is None else _explain_step(error, *place)
        if message is None:
            raise
        raise SystemExit(message) from None


def _find_revision(error: Exception, script: ScriptDirectory) -> tuple[FrameType, int] | None:
    """Return the frame and the line of a revision's upgrade() or downgrade()."""
    files = {revision.path for revision in script.walk_revisions()}
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename in files:
            return frame, line
    return None


def _explain(error: Exception, server: str) -> str | None:
    if isinstance(error, DBAPIError):
        way_out = WAYS_OUT.get(sqlstate(error), "")
        return f"{server}: {_reason(error)} {way_out}".rstrip()
    if isinstance(error, OSError):
        reason = str(error) or type(error).__name__
        return f"{server} cannot be reached: {reason}. {UNREACHABLE}"
    return None


def _explain_step(error: Exception, frame: FrameType, line: int) -> str:
    file = Path(frame.f_code.co_filename).name
    step = f"Revision {frame.f_globals.get('revision')} failed in {frame.f_code.co_name}()"
    place = f"{step} ({file}, line {line})"
    if not isinstance(error, DBAPIError):
        return f"{place}: {type(error).__name__}: {error}. {RUN_AGAIN}"
    way_out = WAYS_OUT.get(sqlstate(error), RUN_AGAIN)
    statement = (error.statement or "").strip().partition("\n")[0][:LONGEST_STATEMENT]
    return f"{place}: {_reason(error)} The statement: {statement}\n{way_out}"


def _reason(error: DBAPIError) -> str:
    """Return the server's message in one line, without values of rows."""
    cause = getattr(error.orig, "__cause__", None) or error.orig
    parts = [getattr(cause, "message", None) or str(cause)]
    if not sqlstate(error).startswith(SHOW_ROWS):
        parts += [getattr(cause, "detail", None), getattr(cause, "hint", None)]
    return " ".join(f"{' '.join(part.split()).rstrip('.')}." for part in parts if part)
