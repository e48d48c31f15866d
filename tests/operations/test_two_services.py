"""Two services with default settings on one PostgreSQL, one vhost of RabbitMQ and one Redis."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.operations.database import create_role, sql
from tests.operations.instance import WORKER, uvicorn
from tools.common.machine import free_port
from tools.common.waiting import eventually
from tools.servers.clients import redis_client

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Render
    from tests.operations.conftest import NewInstance
    from tests.operations.instance import Instance
    from tools.servers.running import Servers

USERS = 15
PASSWORD = "correct horse battery"  # noqa: S105 -- of users that the test creates
WELCOMED = "SELECT user_id::text FROM notifications"
DATABASES = ("user_service", "order_service")


@pytest.fixture
def two(
    servers: Servers, render: Render, service: Path, new_instance: NewInstance
) -> list[Instance]:
    """Both services. Each has its default database and user, which its `.env` names."""
    for database in DATABASES:
        sql(servers, f'DROP DATABASE IF EXISTS "{database}" (FORCE)')
        sql(servers, f'DROP ROLE IF EXISTS "{database}"')
    instances = []
    folders = (service, render(project_name="Order Service"))
    for folder, database in zip(folders, DATABASES, strict=True):
        role = create_role(servers, database)
        settings = role.settings(servers)
        del settings["POSTGRES_USER"]
        del settings["POSTGRES_DB"]
        instances.append(new_instance(folder, **settings))
    return instances


def test_two_services_on_the_same_servers_do_not_mix(servers: Servers, two: list[Instance]) -> None:
    for instance in two:
        instance.must("alembic", "upgrade", "head")
        instance.worker()
    urls = [f"{instance.api()}/api/v1" for instance in two]
    with ExitStack() as stack:
        clients = [stack.enter_context(httpx2.Client(base_url=url, timeout=60)) for url in urls]
        serve_both(servers, clients)
    names = {key.split(":")[0].strip("{}") for key in asyncio.run(keys_of(servers))}
    assert names == {"user-service", "order-service"}


def serve_both(servers: Servers, clients: list[httpx2.Client]) -> None:
    """Use both services in turn, with the same addresses: each answers with its own users."""
    users = [[register(client, number) for client in clients] for number in range(USERS)]

    for column, database in enumerate(DATABASES):
        own = {row[column]["id"] for row in users}
        wait_for_notifications(servers, database)
        assert sorted(sql(servers, WELCOMED, database)) == sorted(own)
        assert sql(servers, "SELECT count(*) FROM outbox_messages", database) == [0]
    headers = [log_in(client) for client in clients]
    for _ in range(3):  # from Postgres, then from the cache
        answers = [clients[i].get("/users/me", headers=headers[i]).json() for i in range(2)]
        assert answers == users[0]
    assert clients[0].get("/users/me", headers=headers[1]).status_code == 401


def test_the_database_of_the_other_service_is_refused_until_it_is_adopted(
    servers: Servers, two: list[Instance], new_instance: NewInstance
) -> None:
    first, second = two
    first.must("alembic", "upgrade", "head")
    shared = {name: first.environment[name] for name in first.environment if "_" in name}
    wrong = new_instance(
        second.folder, **shared, POSTGRES_USER="user_service", POSTGRES_DB="user_service"
    )
    sentence = "belongs to the service user-service, and this service is order-service: "
    for words in (("alembic", "upgrade", "head"), uvicorn(free_port()), WORKER):
        done = wrong.run(*words)
        assert done.returncode != 0
        assert done.stdout.count(sentence) == 1, done.stdout
        assert "Traceback" not in done.stdout
    owners = "SELECT DISTINCT service FROM schema_history"
    assert sql(servers, owners, "user_service") == ["user-service"]

    wrong.must("src.manage", "adopt-database", "--yes")

    wrong.must("alembic", "upgrade", "head")
    wrong.worker()
    assert "and this service is user-service" in first.run("alembic", "upgrade", "head").stdout


def wait_for_notifications(servers: Servers, database: str) -> None:
    """Wait until the worker of a service has handled an event for each user."""
    eventually("all events are handled", lambda: len(sql(servers, WELCOMED, database)) >= USERS)


def register(client: httpx2.Client, number: int) -> dict[str, Any]:
    """Register a user, with an address that the other service has too."""
    body = {"email": f"user-{number}@example.com", "password": PASSWORD}
    response = client.post("/auth/register", json=body)
    assert response.status_code == 201, response.text
    user: dict[str, Any] = response.json()
    return user


def log_in(client: httpx2.Client) -> dict[str, str]:
    """Log in as the first user, and return the header of a request."""
    body = {"email": "user-0@example.com", "password": PASSWORD}
    token = client.post("/auth/login", json=body).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


async def keys_of(servers: Servers) -> set[str]:
    """Return all keys in Redis."""
    async with redis_client(servers.environment()) as client:
        return {key.decode() async for key in client.scan_iter()}
