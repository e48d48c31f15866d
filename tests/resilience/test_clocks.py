"""A worker whose clock is wrong, as a process with libfaketime."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.resilience import report
from tests.resilience.runner import administer
from tools.common.processes import run
from tools.common.waiting import eventually
from tools.servers.clients import postgres_connection
from tools.servers.packages import program

if TYPE_CHECKING:
    from tests.resilience.conftest import NewRunner
    from tests.resilience.runner import Runner

DAYS = 22
# By the database's clock, 500 rows of each table are younger than their retention of a week.
KEPT = 500
ALL = 503
ROWS = """
WITH ada AS (
    INSERT INTO users (id, email, password_hash, is_active, created_at, updated_at, version)
    VALUES (gen_random_uuid(), 'ada@example.com', 'hash', true, now(), now(), 1)
    RETURNING id
), ages AS (
    SELECT CASE WHEN number > 500 THEN interval '8 days' ELSE interval '6 days' END AS age
    FROM generate_series(1, 503) AS number
), handled AS (
    INSERT INTO processed_messages SELECT gen_random_uuid(), now() - age FROM ages
)
INSERT INTO sessions (id, user_id, generation, rotated_at, idle_expires_at, absolute_expires_at)
SELECT gen_random_uuid(), ada.id, 1, now() - age, now() - age, now() + interval '60 days'
FROM ada, ages
"""
COUNT = "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM processed_messages)"


def faked_clock() -> dict[str, str]:
    """Return the variables that set the clock of a process ahead. Its timers run as before."""
    variables = run(program("faketime", print), "-f", f"+{DAYS}d", "env")
    library = re.search("(?m)^LD_PRELOAD=(.+)$", variables)
    assert library is not None, variables
    return {
        "LD_PRELOAD": library[1],
        "FAKETIME": f"+{DAYS}d",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def counts(runner: Runner) -> tuple[int, int]:
    """Return how many sessions and inbox rows there are."""

    async def read() -> tuple[int, int]:
        settings = runner.servers.environment()
        async with postgres_connection(settings, runner.database) as connection:
            [row] = await connection.fetch(COUNT)
            return row[0], row[1]

    return asyncio.run(read())


@pytest.mark.skipif(
    not report.IS_LONG,
    reason="two minutes; the service's tests/integration/test_clocks.py checks the statements",
)
@pytest.mark.timeout(300)
def test_a_worker_whose_clock_is_22_days_ahead_deletes_only_what_is_old_by_the_databases_clock(
    new_runner: NewRunner,
) -> None:
    runner = new_runner()
    administer(runner.servers, ROWS, runner.database)
    assert counts(runner) == (ALL, ALL)
    worker = runner.consumer(**faked_clock())
    eventually("the worker has purged", lambda: runner.log_lines("expired_purged"), within=120)
    assert runner.terminate(worker) == 0
    [line, *_] = runner.log_lines("expired_purged")
    ahead = datetime.fromisoformat(line["timestamp"]) - datetime.now(UTC)
    assert ahead > timedelta(days=DAYS - 1), "the worker's clock was not ahead"
    assert counts(runner) == (KEPT, KEPT)
