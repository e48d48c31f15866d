"""A Redis in cluster mode is not supported: the service logs one line and works without it."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx2
import pytest
import redis

from tools.common.machine import free_port
from tools.common.waiting import eventually
from tools.servers.packages import program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.resilience.conftest import NewRunner

REQUESTS = 20


@contextmanager
def cluster(folder: Path, *, has_slots: bool) -> Iterator[int]:
    """Run a cluster of one node, and return its port. Without slots it is down (CLUSTERDOWN)."""
    port = free_port()
    options = {
        "bind": "127.0.0.1",
        "port": port,
        "cluster-enabled": "yes",
        "save": "",
        "dir": folder,
    }
    words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    with subprocess.Popen(
        [program("redis-server", print), *words, "--cluster-port", str(free_port())],
        cwd=folder,
        stdout=subprocess.DEVNULL,
    ) as server:
        try:
            client = redis.Redis(host="127.0.0.1", port=port)
            eventually("the cluster answers", lambda: answers(client))
            if has_slots:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")  # type: ignore[no-untyped-call]
            yield port
        finally:
            server.terminate()


def answers(client: redis.Redis) -> bool:
    """Tell whether the server answers."""
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def is_alive(client: httpx2.Client) -> bool:
    """Tell whether the API answers."""
    try:
        return client.get("/health/live").is_success
    except httpx2.TransportError:
        return False


@pytest.mark.parametrize("has_slots", [True, False])
def test_a_redis_cluster_is_named_in_one_line_and_the_cache_is_off(
    new_runner: NewRunner, tmp_path: Path, *, has_slots: bool
) -> None:
    runner = new_runner()
    with cluster(tmp_path, has_slots=has_slots) as port:
        _, url = runner.api(REDIS_HOST="127.0.0.1", REDIS_PORT=str(port), REDIS_PASSWORD="")
        account = {
            "email": f"{uuid4().hex}@example.com",
            "password": "correct-horse-7-staple",
        }
        with httpx2.Client(base_url=url, timeout=60) as client:
            eventually("the API answers", lambda: is_alive(client))
            client.post("/api/v1/auth/register", json=account)
            tokens = client.post("/api/v1/auth/login", json=account).json()
            headers = {"Authorization": f"Bearer {tokens['access_token']}"}
            for _ in range(REQUESTS):
                assert client.get("/api/v1/users/me", headers=headers).status_code == 200
            ready = client.get("/health/ready")
        assert ready.status_code == 200
        assert ready.json()["dependencies"]["redis"] == "refused"
    log = "".join(file.read_text(errors="replace") for file in runner.logs.glob("api-*.log"))
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    [line] = [line for line in lines if line["level"] == "error"]
    assert line["event"] == "redis_refused"
    assert "Redis Cluster is not supported: set REDIS_HOST" in line["error"]
    events = {line["event"] for line in lines}
    assert not events & {"cache_unavailable", "throttle_storage_unavailable"}
