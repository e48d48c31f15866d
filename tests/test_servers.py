"""The servers that every other test stands on: real, on their own, and gone afterwards."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import aio_pika
import asyncpg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tools import addresses, containers, installed
from tools.errors import ToolError
from tools.servers import running_servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.addresses import Address
    from tools.servers import Servers

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with running_servers() as found:
        yield found


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the servers' own accounts can pass, as they cannot pass pytest's."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def is_listening(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(2)
        return client.connect_ex(("127.0.0.1", port)) == 0


def eventually(question: str, *, within: float, answer: object) -> None:
    """Fail with the question if the answer stays false."""
    assert callable(answer)
    deadline = time.monotonic() + within
    while not answer():
        assert time.monotonic() < deadline, question
        time.sleep(0.05)


async def query_postgres(address: Address, query: str) -> object:
    connection = await asyncpg.connect(
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password,
        database=address.name,
    )
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def send_and_receive(address: Address) -> bytes:
    """Send a message through a quorum queue, the kind the service uses."""
    connection = await aio_pika.connect(
        host=address.host, port=address.port, login=address.user, password=address.password
    )
    async with connection:
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


def test_postgres_answers_and_keeps_what_it_commits(servers: Servers) -> None:
    address = servers.postgres.address
    assert asyncio.run(query_postgres(address, "SHOW fsync")) == "on"
    assert asyncio.run(query_postgres(address, "SHOW max_connections")) == "300"


def test_redis_answers_and_wants_its_password(servers: Servers) -> None:
    address = servers.redis.address
    with redis.Redis(address.host, address.port, password=address.password) as client:
        assert client.ping()
        assert client.info("persistence")["aof_enabled"] == 0
    at_once = Retry(NoBackoff(), 0)
    with (
        redis.Redis(address.host, address.port, retry=at_once) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


def test_rabbitmq_carries_a_message(servers: Servers) -> None:
    assert asyncio.run(send_and_receive(servers.rabbitmq.address)) == b"hello"


def test_the_environment_has_the_names_of_the_services_settings(servers: Servers) -> None:
    environment = servers.environment()
    assert set(environment) == {
        *("POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"),
        *("REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD"),
        *("RABBITMQ_HOST", "RABBITMQ_PORT", "RABBITMQ_USER", "RABBITMQ_PASSWORD"),
        "RABBITMQ_VHOST",
    }
    assert environment["POSTGRES_PORT"] == str(servers.postgres.address.port)


def test_a_server_that_was_stopped_or_killed_starts_again_in_its_place(servers: Servers) -> None:
    address = servers.postgres.address
    asyncio.run(query_postgres(address, "CREATE TABLE kept AS SELECT 1 AS one"))
    for end in (servers.postgres.stop, servers.postgres.kill):
        end()
        with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
            asyncio.run(query_postgres(address, "SELECT 1"))
        servers.postgres.start()
        assert asyncio.run(query_postgres(address, "SELECT one FROM kept")) == 1


def test_a_paused_server_is_silent_until_it_is_resumed(servers: Servers) -> None:
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


def test_two_runs_at_once_have_servers_of_their_own(servers: Servers) -> None:
    with running_servers() as others:
        mine, theirs = servers.environment(), others.environment()
        for name in ("POSTGRES_PORT", "REDIS_PORT", "RABBITMQ_PORT"):
            assert mine[name] != theirs[name]
        assert asyncio.run(send_and_receive(others.rabbitmq.address)) == b"hello"
    assert not is_listening(others.rabbitmq.address.port)
    assert is_listening(servers.rabbitmq.address.port)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_a_run_that_is_ended_by(
    number: signal.Signals, open_folder: Path
) -> None:
    run = subprocess.Popen(
        [sys.executable, "-m", "tools.servers"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(open_folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    with run, run.stdout:
        exports = [run.stdout.readline().removeprefix("export ") for _ in range(13)]
        settings = dict(line.strip().split("=", 1) for line in exports)
        ports = [int(value) for key, value in settings.items() if key.endswith("_PORT")]
        assert len(ports) == 3
        assert all(is_listening(port) for port in ports)
        run.send_signal(number)
        run.wait(30)
    eventually(
        "every server has ended",
        within=30,
        answer=lambda: not any(is_listening(port) for port in ports),
    )
    eventually("no folder is left", within=10, answer=lambda: not list(open_folder.iterdir()))


def test_a_server_named_in_the_environment_is_used_and_left_running(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_in_environment(servers, monkeypatch)
    with running_servers() as same:
        assert same.environment() == servers.environment()
        with pytest.raises(ToolError, match="left alone"):
            same.redis.stop()
    assert is_listening(servers.redis.address.port)


def test_a_named_server_that_does_not_answer_is_an_error_and_not_replaced(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_in_environment(servers, monkeypatch)
    monkeypatch.setenv("REDIS_URL", f"redis://:wrong@127.0.0.1:{servers.redis.address.port}")
    with pytest.raises(ToolError, match="REDIS_URL names a server"), running_servers():
        pass


def name_in_environment(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    p, r, q = (server.address for server in (servers.postgres, servers.redis, servers.rabbitmq))
    monkeypatch.delenv("SERVERS", raising=False)
    monkeypatch.setenv("POSTGRES_URL", f"postgresql://{p.user}:{p.password}@{p}/{p.name}")
    monkeypatch.setenv("REDIS_URL", f"redis://:{r.password}@{r}/0")
    monkeypatch.setenv("RABBITMQ_URL", f"amqp://{q.user}:{q.password}@{q}/")


def test_without_any_way_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("SERVERS", "POSTGRES_URL", "REDIS_URL", "RABBITMQ_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(containers, "obstacle", lambda: "there is no docker command")
    monkeypatch.setattr(installed, "find", lambda _kind, **_: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    sentence = "start Docker, or install rabbitmq-server postgresql redis-server, or set"
    with pytest.raises(ToolError, match=sentence), running_servers():
        pass


@pytest.mark.parametrize("way", ["environment", "docker", "moon"])
def test_a_way_that_was_asked_for_and_is_closed_is_an_error(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("POSTGRES_URL", "REDIS_URL", "RABBITMQ_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("SERVERS", way)
    monkeypatch.setattr(containers, "obstacle", lambda: "no Docker Engine answers")
    with pytest.raises(ToolError, match=f"SERVERS={way}"), running_servers():
        pass


def test_a_url_gives_every_fact() -> None:
    address = addresses.from_url("rabbitmq", "amqp://me:p%40ss@example.org/team%2Fa")
    assert (address.host, address.port) == ("example.org", 5672)
    assert (address.user, address.password, address.name) == ("me", "p@ss", "team/a")
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
def test_a_url_the_service_could_not_follow_is_refused(kind: addresses.Kind, url: str) -> None:
    with pytest.raises(ToolError, match=f"{kind.upper()}_URL"):
        addresses.from_url(kind, url)
