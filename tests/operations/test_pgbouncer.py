"""The service behind a real PgBouncer in transaction mode, whose few connections clients share."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.operations.database import Role, create_role, sql
from tests.operations.instance import WORKER, uvicorn
from tests.operations.pgbouncer import running_pgbouncer
from tools.common.machine import free_port
from tools.common.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.operations.conftest import NewInstance
    from tools.servers.running import Servers

CORE = (
    "tests/contract",
    "tests/integration/test_unit_of_work.py",
    "tests/integration/test_users.py",
    "tests/e2e/test_accounts.py",
    "tests/e2e/test_sessions.py",
    "tests/e2e/test_tokens.py",
    "tests/e2e/test_two_processes.py",
    "tests/e2e/test_worker.py",
    "tests/machinery/messaging/test_consumer.py",
    "tests/machinery/messaging/test_failing_messages.py",
)
USERS = 40
NO_LIMITS = "PostgreSQL does not enforce the time limits of this service"


@pytest.fixture
def role(servers: Servers) -> Role:
    """A user that may create databases, as the suite of the service does."""
    return create_role(servers, f"pooled_{secrets.token_hex(4)}", "CREATEDB")


@pytest.fixture
def pooled(
    request: pytest.FixtureRequest, servers: Servers, role: Role
) -> Iterator[dict[str, str]]:
    """The settings of a service that knows PgBouncer, and no way past it."""
    size = getattr(request, "param", 2)
    with running_pgbouncer(servers, role.name, role.password, size=size) as port:
        yield {
            **role.settings(servers),
            "POSTGRES_HOST": "127.0.0.1",
            "POSTGRES_PORT": str(port),
            "POSTGRES_POOLER": "transaction",
        }


def past_pooler(servers: Servers) -> dict[str, str]:
    """Return the settings that name PostgreSQL itself."""
    postgres = servers.postgres.address.environment()
    return {
        "POSTGRES_DIRECT_HOST": postgres["POSTGRES_HOST"],
        "POSTGRES_DIRECT_PORT": postgres["POSTGRES_PORT"],
    }


# Some tests hold several transactions open, each of which keeps a connection of the pooler.
@pytest.mark.parametrize("pooled", [4], indirect=True)
def test_the_core_of_the_services_suite_passes_through_pgbouncer(
    servers: Servers, role: Role, pooled: dict[str, str], service: Path, new_instance: NewInstance
) -> None:
    limits = {"statement_timeout": "5s", "idle_in_transaction_session_timeout": "10s"}
    for name, value in limits.items():  # the suite creates databases: the limits are for all
        sql(servers, f"ALTER ROLE \"{role.name}\" SET {name} = '{value}'")
    tested = new_instance(service, **pooled, **past_pooler(servers))
    output = tested.must("pytest", "-q", "-n", "2", "--no-cov", *CORE)
    assert " passed" in output.splitlines()[-1], output


def test_requests_share_two_connections_and_the_worker_polls_without_a_direct_address(
    servers: Servers, role: Role, pooled: dict[str, str], service: Path, new_instance: NewInstance
) -> None:
    instance = new_instance(service, **pooled)
    new_instance(service, **pooled, **past_pooler(servers)).must("alembic", "upgrade", "head")
    for statement in instance.must("src.manage", "role-limits").splitlines():
        sql(servers, statement)
    url = instance.api()

    statuses = asyncio.run(register_at_once(url))

    assert statuses == [201] * USERS
    instance.worker()
    count = "SELECT count(*) FROM notifications"
    eventually("all events are handled", lambda: sql(servers, count, role.name) == [USERS])
    assert sql(servers, "SELECT count(*) FROM outbox_messages", role.name) == [0]
    queries = "SELECT query FROM pg_stat_activity WHERE datname = current_database()"
    assert not [query for query in sql(servers, queries, role.name) if query.startswith("LISTEN")]


async def register_at_once(url: str) -> list[int]:
    """Register users with concurrent requests, and return the statuses."""
    async with httpx2.AsyncClient(base_url=url, timeout=120) as client:
        bodies = [
            {"email": f"user-{number}@example.com", "password": "correct horse battery"}
            for number in range(USERS)
        ]
        register = "/api/v1/auth/register"
        responses = [client.post(register, json=body) for body in bodies]
        return [response.status_code for response in await asyncio.gather(*responses)]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param("", id="stock"),
        pytest.param(
            "ignore_startup_parameters = statement_timeout,idle_in_transaction_session_timeout",
            id="parameters-ignored",
        ),
    ],
)
def test_a_pooler_that_the_settings_do_not_name_stops_the_start_with_one_sentence(
    servers: Servers, role: Role, service: Path, new_instance: NewInstance, options: str
) -> None:
    direct = role.settings(servers)
    new_instance(service, **direct).must("alembic", "upgrade", "head")
    with running_pgbouncer(servers, role.name, role.password, options=options) as port:
        unnamed = {**direct, "POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(port)}
        instance = new_instance(service, **unnamed)
        for words in (uvicorn(free_port()), WORKER):
            done = instance.run(*words)
            assert done.returncode != 0
            assert done.stdout.count(NO_LIMITS) == 1, done.stdout
            assert "set POSTGRES_POOLER=transaction" in done.stdout
            assert "Traceback" not in done.stdout


def test_a_pooler_that_is_named_as_the_direct_address_is_refused_by_the_migrations(
    pooled: dict[str, str], service: Path, new_instance: NewInstance
) -> None:
    named = {"POSTGRES_DIRECT_HOST": "127.0.0.1", "POSTGRES_DIRECT_PORT": pooled["POSTGRES_PORT"]}
    done = new_instance(service, **pooled, **named).run("alembic", "upgrade", "head")
    assert done.returncode == 1
    assert "Name PostgreSQL itself, not a pooler, with POSTGRES_DIRECT_HOST" in done.stdout
