"""The servers that other tests use: real, one set for each run, and removed afterwards."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import aio_pika
import asyncpg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tools.common import docker
from tools.common.errors import ToolError
from tools.common.paths import ROOT
from tools.common.waiting import eventually
from tools.servers import addresses, installed
from tools.servers.clients import connect_rabbitmq, postgres_connection
from tools.servers.running import running_servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.servers.addresses import Address
    from tools.servers.running import Servers

# Starts a command with these signals ignored, as a shell starts a background job.
IGNORING = ("sh", "-c", 'trap "" INT QUIT TERM; exec "$@"', "sh")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder that the servers' accounts can enter, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def is_listening(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(2)
        return client.connect_ex(("127.0.0.1", port)) == 0


async def query_postgres(address: Address, query: str) -> object:
    async with postgres_connection(address.environment()) as connection:
        return await connection.fetchval(query)


async def send_and_receive(address: Address) -> bytes:
    """Send a message through a quorum queue, as the service does."""
    async with await connect_rabbitmq(address.environment()) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(
            "probe", durable=True, arguments={"x-queue-type": "quorum"}
        )
        await channel.default_exchange.publish(aio_pika.Message(b"hello"), "probe")
        message = await queue.get(timeout=5)
        assert message is not None
        await message.ack()
        await queue.delete(if_unused=False, if_empty=False)
        return message.body


def test_postgres_answers_and_has_fsync_on(servers: Servers) -> None:
    address = servers.postgres.address
    assert asyncio.run(query_postgres(address, "SHOW fsync")) == "on"
    assert asyncio.run(query_postgres(address, "SHOW max_connections")) == "300"


def test_redis_answers_and_requires_its_password(servers: Servers) -> None:
    address = servers.redis.address
    with redis.Redis(address.host, address.port, password=address.password) as client:
        assert client.ping()
        assert client.info("persistence")["aof_enabled"] == 0
    at_once = Retry(NoBackoff(), 0)
    with (
        redis.Redis(address.host, address.port, retry=at_once) as anonymous,
        pytest.raises(redis.AuthenticationError),
    ):
        anonymous.ping()


def test_rabbitmq_delivers_a_message_through_a_quorum_queue(servers: Servers) -> None:
    assert asyncio.run(send_and_receive(servers.rabbitmq.address)) == b"hello"


def test_the_environment_uses_the_names_of_the_services_settings(servers: Servers) -> None:
    environment = servers.environment()
    assert set(environment) == {
        *("POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"),
        *("REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD"),
        *("RABBITMQ_HOST", "RABBITMQ_PORT", "RABBITMQ_USER", "RABBITMQ_PASSWORD"),
        "RABBITMQ_VHOST",
    }
    assert environment["POSTGRES_PORT"] == str(servers.postgres.address.port)


def test_a_server_that_was_stopped_or_killed_starts_again_with_its_data_and_port(
    servers: Servers,
) -> None:
    address = servers.postgres.address
    asyncio.run(query_postgres(address, "CREATE TABLE kept AS SELECT 1 AS one"))
    for end in (servers.postgres.stop, servers.postgres.kill):
        end()
        with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
            asyncio.run(query_postgres(address, "SELECT 1"))
        servers.postgres.start()
        assert asyncio.run(query_postgres(address, "SELECT one FROM kept")) == 1


def test_a_paused_server_does_not_answer_until_it_is_resumed(servers: Servers) -> None:
    address = servers.redis.address
    with redis.Redis(
        address.host,
        address.port,
        password=address.password,
        socket_timeout=0.5,
        retry=Retry(NoBackoff(), 0),
    ) as client:
        servers.redis.pause()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        servers.redis.resume()
        assert client.ping()


def test_two_parallel_runs_have_servers_of_their_own(servers: Servers) -> None:
    with running_servers() as others:
        mine = servers.environment()
        theirs = others.environment()
        for name in ("POSTGRES_PORT", "REDIS_PORT", "RABBITMQ_PORT"):
            assert mine[name] != theirs[name]
        assert asyncio.run(send_and_receive(others.rabbitmq.address)) == b"hello"
    assert not is_listening(others.rabbitmq.address.port)
    assert is_listening(servers.rabbitmq.address.port)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_by_a_signal_leaves_no_server_and_no_folder(
    number: signal.Signals, open_folder: Path
) -> None:
    """Also if the run was started with SIGINT and SIGTERM ignored."""
    run = subprocess.Popen(
        [*IGNORING, sys.executable, "-m", "tools.servers"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(open_folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    try:
        exports = [run.stdout.readline().removeprefix("export ") for _ in range(13)]
        settings = dict(line.strip().split("=", 1) for line in exports)
        ports = [int(value) for key, value in settings.items() if key.endswith("_PORT")]
        assert len(ports) == 3
        assert all(is_listening(port) for port in ports)
        run.send_signal(number)
        run.wait(60)
    finally:
        run.kill()
        run.communicate()
    eventually("every server has ended", lambda: not any(map(is_listening, ports)))
    eventually("no folder is left", lambda: not list(open_folder.iterdir()))


def test_a_server_named_in_the_environment_is_used_and_not_stopped(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_in_environment(servers, monkeypatch)
    with running_servers() as same:
        assert same.environment() == servers.environment()
        with pytest.raises(ToolError, match="left alone"):
            same.redis.stop()
    assert is_listening(servers.redis.address.port)


def test_a_named_server_that_does_not_answer_is_an_error(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_in_environment(servers, monkeypatch)
    monkeypatch.setenv("REDIS_URL", f"redis://:wrong@127.0.0.1:{servers.redis.address.port}")
    with pytest.raises(ToolError, match="REDIS_URL names a server"), running_servers():
        pass


def name_in_environment(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SERVERS", raising=False)
    for variable, url in servers.urls().items():
        monkeypatch.setenv(variable, url)


def test_without_any_way_to_find_servers_the_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("SERVERS", "POSTGRES_URL", "REDIS_URL", "RABBITMQ_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(docker, "obstacle", lambda: "there is no docker command")
    monkeypatch.setattr(installed, "find", lambda _kind, **_: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    sentence = "start Docker, or install rabbitmq-server postgresql redis-server, or set"
    with pytest.raises(ToolError, match=sentence), running_servers():
        pass


@pytest.mark.parametrize("way", ["environment", "docker", "moon"])
def test_a_value_of_servers_that_cannot_be_used_is_an_error(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("POSTGRES_URL", "REDIS_URL", "RABBITMQ_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("SERVERS", way)
    monkeypatch.setattr(docker, "obstacle", lambda: "no Docker Engine answers")
    with pytest.raises(ToolError, match=f"SERVERS={way}"), running_servers():
        pass


def test_a_url_is_parsed_into_all_parts_of_an_address() -> None:
    address = addresses.from_url("rabbitmq", "amqp://me:p%40ss@example.org/team%2Fa")
    assert (address.host, address.port) == ("example.org", 5672)
    assert (address.user, address.password, address.name) == ("me", "p@ss", "team/a")
    assert addresses.from_url("rabbitmq", address.url) == address
    assert addresses.from_url("rabbitmq", "amqp://h").name == "/"
    assert "p@ss" not in repr(address)


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("postgres", "mysql://u:p@h/db"),
        ("postgres", "postgresql://u:p@h/db?sslmode=require"),
        ("postgres", "postgresql://u:p@h:port/db"),
        ("redis", "redis://h:6379/3"),
        ("redis", "redis://user:p@h:6379"),
        ("rabbitmq", "amqps://u:p@h"),
        ("rabbitmq", "h:5672"),
    ],
)
def test_a_url_that_the_services_settings_cannot_express_is_refused(
    kind: addresses.Kind, url: str
) -> None:
    with pytest.raises(ToolError, match=f"{kind.upper()}_URL"):
        addresses.from_url(kind, url)
