"""Sessions after the database was restored from a backup: docs/deployment.md."""

import re

from sqlalchemy import text

from src.domain.session import SessionReuseDetected
from src.repositories.postgres.engine import Database
from src.utils.settings import ROOT
from tests.support.accounts import Account, Login
from tests.support.problems import problem_of

SESSION = text("SELECT generation, revoked_at FROM sessions WHERE user_id = :id")
AS_BACKED_UP = text("UPDATE sessions SET generation = 1 WHERE user_id = :id RETURNING id")
ALARMS = text(
    "SELECT event_id FROM outbox_messages"
    " WHERE event_type = :name AND envelope -> 'data' ->> 'user_id' = :id"
)


def documented_statement() -> str:
    """Return the statement that the documented restore runs before the API starts."""
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    [statement] = re.findall(r'-c "(UPDATE sessions .+?)"', page)
    return str(statement)


async def test_a_refresh_token_that_is_newer_than_its_session_is_refused_without_an_alarm(
    account: Account, login: Login, database: Database
) -> None:
    newer = (await login.refresh()).json()["refresh_token"]
    await database.fetch(AS_BACKED_UP, {"id": account.id})
    for _ in range(2):
        problem_of(await Login(account.api, "", newer).refresh(), 401, "unauthenticated")
    [row] = await database.fetch(SESSION, {"id": account.id})
    assert (row.generation, row.revoked_at) == (1, None)
    alarms = await database.fetch(ALARMS, {"name": SessionReuseDetected.name, "id": account.id})
    assert alarms == []


async def test_the_documented_restore_ends_all_sessions_without_an_alarm(
    account: Account, login: Login, database: Database
) -> None:
    other = await account.log_in()
    transaction = database.transaction()
    await transaction.execute_without_events(text(documented_statement()))
    await transaction.commit()
    for ended in (login, other):
        problem_of(await ended.refresh(), 401, "unauthenticated")
        problem_of(await ended.me(), 401, "unauthenticated")
    alarms = await database.fetch(ALARMS, {"name": SessionReuseDetected.name, "id": account.id})
    assert alarms == []
    assert (await (await account.log_in()).me()).status_code == 200
