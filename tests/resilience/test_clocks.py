"""Processes whose clocks are wrong, with libfaketime."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx2
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
APART_SECONDS = 12
# By the database's clock, 500 rows of each table are younger than their retention of a week.
KEPT = 500
ALL = 503
ROWS = """
WITH ada AS (
    INSERT INTO users
        (id, email, email_key, password_hash, is_active, created_at, updated_at, version)
    VALUES
        (gen_random_uuid(), 'ada@example.com', 'ada@example.com', 'hash', true, now(), now(), 1)
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


def faked_clock(ahead: str) -> dict[str, str]:
    """Return the variables that set the clock of a process ahead. Its timers run as before."""
    variables = run(program("faketime", print), "-f", ahead, "env")
    library = re.search("(?m)^LD_PRELOAD=(.+)$", variables)
    assert library is not None, variables
    return {
        "LD_PRELOAD": library[1],
        "FAKETIME": ahead,
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
    worker = runner.consumer(**faked_clock(f"+{DAYS}d"))
    eventually("the worker has purged", lambda: runner.log_lines("expired_purged"), within=120)
    assert runner.terminate(worker) == 0
    [line, *_] = runner.log_lines("expired_purged")
    ahead = datetime.fromisoformat(line["timestamp"]) - datetime.now(UTC)
    assert ahead > timedelta(days=DAYS - 1), "the worker's clock was not ahead"
    assert counts(runner) == (KEPT, KEPT)


def test_two_apis_whose_clocks_are_12_s_apart_accept_a_repeated_refresh_and_each_others_tokens(
    new_runner: NewRunner,
) -> None:
    runner = new_runner()
    apis = [runner.api()[1], runner.api(**faked_clock(f"+{APART_SECONDS}s"))[1]]
    for url in apis:
        eventually("it answers", partial(answers, url))
    for here, there in (apis, apis[::-1]):
        account = {"email": f"{uuid4().hex}@example.com", "password": "correct-horse-7-staple"}
        assert post(here, "register", account).status_code == httpx2.codes.CREATED
        first = post(here, "login", account).raise_for_status().json()
        refresh = {"refresh_token": first["refresh_token"]}
        pairs = [post(url, "refresh", refresh).raise_for_status().json() for url in (here, there)]
        assert pairs[0]["refresh_token"] == pairs[1]["refresh_token"]
        for pair in (first, *pairs):
            headers = {"Authorization": f"Bearer {pair['access_token']}"}
            for url in apis:
                answer = httpx2.get(f"{url}/api/v1/users/me", headers=headers, timeout=10)
                assert answer.status_code == httpx2.codes.OK, answer.text
    dates = [httpx2.get(f"{url}/health/live", timeout=10).headers["date"] for url in apis]
    plain, ahead = map(parsedate_to_datetime, dates)
    assert ahead - plain > timedelta(seconds=APART_SECONDS / 2), "the clocks were not apart"


def answers(url: str) -> bool:
    """Return whether an API is alive."""
    with suppress(httpx2.HTTPError):
        return httpx2.get(f"{url}/health/live", timeout=5).is_success
    return False


def post(url: str, route: str, body: dict[str, str]) -> httpx2.Response:
    """Post to a route of the accounts."""
    return httpx2.post(f"{url}/api/v1/auth/{route}", json=body, timeout=10)
