"""Three APIs behind one port and three workers, as docker-compose.proxy.yml starts them."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.containers.stack import PASSWORD, PROXY, docker
from tools.common.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.containers.stack import Stack

SCALE = ("--scale", "micro_service=3", "--scale", "consume_worker=3")
CLIENTS = 8
ENOUGH = 400


@pytest.fixture(scope="module")
def scaled(stack: Stack, haproxy: None) -> Iterator[Stack]:  # noqa: ARG001 -- the image must exist
    """The stack with three APIs and three workers, on an empty database without tables."""
    stack.compose("down", "--volumes")
    stack.registered.clear()
    stack.up(*SCALE, files=PROXY)
    yield stack
    stack.compose("down", "--volumes")
    stack.registered.clear()


def stop_and_start(replica: str) -> None:
    """Stop and start a container and wait until it is healthy, as a rolling deployment does."""
    docker("stop", replica)
    time.sleep(1)
    docker("start", replica)
    health = ("inspect", "-f", "{{.State.Health.Status}}", replica)
    eventually("it is healthy again", lambda: docker(*health) == "healthy", within=120)


class Load:
    """Clients that register and read, and count the outcomes of their requests."""

    def __init__(self, stack: Stack) -> None:
        """Keep the stack; nothing is sent yet."""
        self.stack = stack
        self.answers: Counter[str] = Counter()
        self.done = False

    async def client(self, number: int) -> None:
        """Send requests one after the other on one connection, until `done` is set."""
        address = {"X-Forwarded-For": f"203.0.113.{number}"}
        url = self.stack.url
        async with httpx2.AsyncClient(base_url=url, headers=address, timeout=20) as client:
            body = await self.register(client)
            login = await self.send(client, "POST", "/api/v1/auth/login", 200, json=body)
            assert login is not None, self.answers
            client.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
            while not self.done or self.answers.total() < ENOUGH:
                await self.register(client)
                for _ in range(4):
                    await self.send(client, "GET", "/api/v1/users/me", 200)

    async def register(self, client: httpx2.AsyncClient) -> dict[str, str]:
        """Register a user, add it to `registered` if confirmed, and return its credentials."""
        body = {"email": f"{secrets.token_hex(8)}@example.com", "password": PASSWORD}
        answer = await self.send(client, "POST", "/api/v1/auth/register", 201, json=body)
        if answer is not None:
            self.stack.registered.add(answer.json()["id"])
        return body

    async def send(
        self, client: httpx2.AsyncClient, method: str, path: str, expected: int, **options: object
    ) -> httpx2.Response | None:
        """Send one request and count its outcome."""
        try:
            answer = await client.request(method, path, **options)  # type: ignore[arg-type]
        except httpx2.HTTPError as error:
            self.answers[f"{path}: {type(error).__name__}"] += 1
            return None
        if answer.status_code != expected:
            self.answers[f"{path}: {answer.status_code} {answer.text[:200]}"] += 1
            return None
        self.answers["ok"] += 1
        return answer

    async def during(self, replicas: Sequence[str] = ()) -> None:
        """Stop and start replicas one after the other while the clients send requests."""

        def restart() -> None:
            for replica in replicas:
                time.sleep(1)
                stop_and_start(replica)

        await self.during_work(restart)

    async def during_work(self, work: Callable[[], object]) -> None:
        """Do some work in a thread while the clients send requests."""
        clients = [asyncio.create_task(self.client(number)) for number in range(CLIENTS)]
        await asyncio.to_thread(work)
        self.done = True
        await asyncio.gather(*clients)


def test_migrations_run_once_before_all_replicas_start(scaled: Stack) -> None:
    assert len(scaled.containers("migrate")) == 1
    ended = scaled.inspect("migrate")["State"]
    assert ended["ExitCode"] == 0
    for service in ("micro_service", "consume_worker"):
        replicas = scaled.containers(service)
        assert len(replicas) == 3
        for replica in replicas:
            assert docker("inspect", "-f", "{{.State.StartedAt}}", replica) > ended["FinishedAt"]


def test_migrations_that_start_together_wait_for_each_other(scaled: Stack) -> None:
    """An orchestrator may start several at once; Compose runs one before all else."""
    scaled.shell("micro_service", "alembic downgrade base")
    locks = "FROM pg_locks WHERE locktype = 'advisory'"
    migrating = "SELECT pg_advisory_lock(hashtext('migrations')), pg_sleep(60)"
    with ThreadPoolExecutor() as pool:
        first = pool.submit(scaled.sql, migrating)
        granted = f"SELECT count(*) {locks} AND granted"
        eventually("it migrates", lambda: scaled.sql(granted) == "1", within=120)
        upgrade = ("micro_service", "alembic upgrade head")
        others = [pool.submit(scaled.shell, *upgrade) for _ in range(3)]
        waiting = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name LIKE '% migration' AND query LIKE '%pg_try_advisory_lock%'"
        )
        eventually("three wait for it", lambda: scaled.sql(waiting) == "3", within=120)
        scaled.sql(f"SELECT pg_terminate_backend(pid) {locks} AND granted")
        assert first.exception() is not None
        for other in others:
            other.result()
    assert scaled.sql("SELECT count(*) FROM alembic_version") == "1"
    assert scaled.sql("SELECT count(*) FROM users") == "0"


def test_requests_reach_every_api_and_events_reach_every_worker(scaled: Stack) -> None:
    asyncio.run(Load(scaled).during())
    scaled.settle()
    for api in scaled.containers("micro_service"):
        assert '"path":"/api/v1/users/me"' in docker("logs", api), api
    workers = scaled.containers("consume_worker")
    busy = [worker for worker in workers if '"event":"event_handled"' in docker("logs", worker)]
    # RabbitMQ delivers to all workers; without it, one worker may take all events in a batch.
    assert busy == workers if "rabbitmq" in scaled.variant.services else busy


def test_the_logged_client_is_the_address_that_the_outer_proxy_added_last(scaled: Stack) -> None:
    headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
    assert httpx2.get(f"{scaled.url}/openapi.json", headers=headers).status_code == 200
    logs = scaled.compose("logs", "--no-log-prefix", "micro_service")
    assert '"client":"203.0.113.7"' in logs
    assert "198.51.100.1" not in logs


@pytest.mark.parametrize("service", ["micro_service", "consume_worker"])
def test_a_rolling_restart_under_load_loses_no_request_and_no_event(
    scaled: Stack, service: str
) -> None:
    eventually("all services are healthy", scaled.is_healthy, within=120)
    load = Load(scaled)
    replicas = scaled.containers(service)
    asyncio.run(load.during(replicas))
    assert set(load.answers) == {"ok"}
    assert load.answers["ok"] >= ENOUGH
    scaled.settle()
    for replica in replicas:
        assert docker("inspect", "-f", "{{.State.OOMKilled}}", replica) == "false"


def test_every_shutdown_timeout_is_longer_than_the_one_it_waits_for(scaled: Stack) -> None:
    api, worker, proxy = map(scaled.inspect, ("micro_service", "consume_worker", "proxy"))
    drain = int(dict(line.split("=", 1) for line in api["Config"]["Env"])["APP_DRAIN_SECONDS"])
    command = api["Config"]["Cmd"]
    uvicorn = int(command[command.index("--timeout-graceful-shutdown") + 1])
    configuration = (scaled.folder / "proxy" / "haproxy.cfg").read_text(encoding="utf-8")
    seconds = dict(re.findall(r"(?m)^ +([a-z -]+) (\d+)s$", configuration))
    ask = "from src.config import WorkerSettings as W; print(W().shutdown_grace_seconds)"
    grace = float(scaled.shell("consume_worker", f"python -c '{ask}'"))
    assert (
        int(seconds["timeout check"]) + 1 < drain
    )  # the proxy checks a second after the last answer
    assert drain + uvicorn < api["Config"]["StopTimeout"]
    assert uvicorn < int(seconds["timeout server"])
    assert uvicorn <= int(seconds["hard-stop-after"]) < proxy["Config"]["StopTimeout"]
    assert grace < worker["Config"]["StopTimeout"]


def test_a_request_in_flight_is_answered_when_all_replicas_are_stopped(scaled: Stack) -> None:
    eventually("all services are healthy", scaled.is_healthy, within=120)
    body = json.dumps({"email": f"{secrets.token_hex(8)}@example.com", "password": PASSWORD})
    connection = HTTPConnection("127.0.0.1", scaled.port, timeout=60)
    connection.putrequest("POST", "/api/v1/auth/register")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:10].encode())
    replicas = scaled.containers("micro_service")
    with ThreadPoolExecutor() as pool:
        stops = [pool.submit(docker, "stop", replica) for replica in replicas]
        # No port is open any more; one replica waits for the rest of the request.
        two_ended = "the replicas without the request have ended"
        eventually(two_ended, lambda: sum(stop.done() for stop in stops) == 2, within=120)
        connection.send(body[10:].encode())
        answer = connection.getresponse()
        assert answer.status == 201
        scaled.registered.add(json.loads(answer.read())["id"])
        connection.close()
    docker("start", *replicas)
    eventually("all services are healthy", scaled.is_healthy, within=120)
    scaled.settle()
