"""Requests while Redis is down, paused, slow, full or flushed: each is answered in time."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.resilience import report
from tools.common.waiting import eventually
from tools.servers.clients import redis_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.resilience.conftest import NewRunner
    from tests.resilience.runner import Runner
    from tools.servers.running import Servers

CLIENTS = 4
SECONDS = report.size(2, 30)
EXTRA = 0.06
"""Seconds that a read may take longer than one with the circuit breaker open."""
DELAY = 0.02
ROUNDS = 3
HEALED_WITHIN = 5


class DelayingProxy:
    """A TCP proxy that delays bytes by half the delay each way."""

    def __init__(self, host: str, port: int, delay: float) -> None:
        """Listen on a free port."""
        self._target = (host, port)
        self._delay = delay
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more connections."""
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                upstream = socket.create_connection(self._target)
                for pair in ((client, upstream), (upstream, client)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError), source, sink:
            while data := source.recv(65536):
                time.sleep(self._delay / 2)
                sink.sendall(data)


class User:
    """A logged-in user of an API process, which several clients use at once."""

    def __init__(self, runner: Runner) -> None:
        """Register and log in."""
        self.runner = runner
        self.process, url = runner.api()
        self.client = httpx2.Client(base_url=f"{url}/api/v1", timeout=10, trust_env=False)
        eventually("the API answers", self._answers)
        self.password = "a-long-enough-pass-7"  # noqa: S105
        account = {"email": "ada@example.com", "password": self.password}
        self.client.post("/auth/register", json=account).raise_for_status()
        tokens = self.client.post("/auth/login", json=account).raise_for_status().json()
        self.client.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def me(self) -> dict[str, Any]:
        """Read the user."""
        answer: dict[str, Any] = self.client.get("/users/me").raise_for_status().json()
        return answer

    def change_password(self) -> None:
        """Change the password, which also changes the answer of `me`."""
        body = {"current_password": self.password, "new_password": self.password[::-1]}
        self.client.put("/users/me/password", json=body).raise_for_status()
        self.password = self.password[::-1]

    def p99(self, seconds: float = SECONDS) -> float:
        """Read for some seconds; each read must succeed. Return the 99th percentile of times."""
        end = time.monotonic() + seconds

        def read(_: int) -> list[float]:
            times = []
            while (begun := time.monotonic()) < end:
                self.me()
                times.append(time.monotonic() - begun)
            return times

        with ThreadPoolExecutor(CLIENTS) as clients:
            times = sorted(time for found in clients.map(read, range(CLIENTS)) for time in found)
        return times[len(times) * 99 // 100]

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def log(self) -> str:
        """Return the output of the process."""
        return "".join(path.read_text() for path in self.runner.logs.glob("api-*.log"))

    def _answers(self) -> bool:
        try:
            return self.client.get("/users/me").status_code == httpx2.codes.UNAUTHORIZED
        except httpx2.HTTPError:
            return False


def execute(servers: Servers, *command: str) -> None:
    """Run a command in Redis."""

    async def run() -> None:
        async with redis_client(servers.environment()) as client:
            await client.execute_command(*command)  # type: ignore[no-untyped-call]

    asyncio.run(run())


@contextmanager
def down(servers: Servers) -> Iterator[None]:
    servers.redis.kill()
    yield
    servers.redis.launch()
    servers.redis.wait()


@contextmanager
def paused(servers: Servers) -> Iterator[None]:
    servers.redis.pause()
    yield
    servers.redis.resume()
    servers.redis.wait()


@contextmanager
def full(servers: Servers) -> Iterator[None]:
    execute(servers, "CONFIG", "SET", "maxmemory", "1")
    yield
    execute(servers, "CONFIG", "SET", "maxmemory", "0")


@contextmanager
def flushed(servers: Servers) -> Iterator[None]:
    stop = threading.Event()

    def flush() -> None:
        while not stop.wait(0.2):
            execute(servers, "FLUSHALL")

    thread = threading.Thread(target=flush)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("fault", [down, paused, full, flushed])
def test_a_fault_of_redis_fails_no_request_and_delays_reads_little(
    new_runner: NewRunner, servers: Servers, fault: Callable[[Servers], Any]
) -> None:
    with closing(User(new_runner())) as user:
        # A busy machine slows down single rounds; a fault of the service shows in each of them.
        assert any(added_seconds(user, servers, fault) < EXTRA for _ in range(ROUNDS))
        assert user.process.poll() is None


def added_seconds(user: User, servers: Servers, fault: Callable[[Servers], Any]) -> float:
    """Cause a fault during reads and a write; return what it added to the reads' p99."""
    before = max(user.p99(SECONDS / 2), user.p99(SECONDS / 2))
    with fault(servers):
        during = user.p99()
        updated_at = user.me()["updated_at"]
        user.change_password()
        assert user.me()["updated_at"] > updated_at
        after = user.p99(SECONDS / 2)  # the circuit breaker is open by now
    times = f"p99 {before * 1000:.0f} ms before, {during * 1000:.0f} ms during the fault"
    report.cache(f"Redis {fault.__name__}", times)
    if '"cache_unavailable"' in user.log():
        eventually("the cache heals", lambda: is_healed(user), HEALED_WITHIN)
    return during - max(before, after)


def is_healed(user: User) -> bool:
    """Return whether the last log line about the cache says that it is available."""
    user.me()
    return user.log().rpartition('"cache_unavailable"')[2].count('"cache_available"') > 0


@pytest.mark.timeout(240)
def test_a_slow_redis_fails_no_request_and_delays_reads_little(
    new_runner: NewRunner, servers: Servers
) -> None:
    address = servers.redis.address
    proxy = DelayingProxy(address.host, address.port, DELAY)
    runner = new_runner()
    far = new_runner()
    far.settings["REDIS_PORT"] = str(proxy.port)
    with closing(User(runner)) as quick, closing(User(far)) as slow:
        slow.p99(1)  # connecting takes several round trips, once
        # The machine's own pauses affect one side or the other: use the best of three pairs.
        pairs = [(quick.p99(SECONDS / 2), slow.p99(SECONDS / 2)) for _ in range(ROUNDS)]
    proxy.close()
    before, during = min(pairs, key=lambda pair: pair[1] - pair[0])
    text = f"p99 {before * 1000:.0f} ms without the delay, {during * 1000:.0f} ms with it"
    report.cache(f"Redis {DELAY * 1000:.0f} ms away", text)
    assert during < before + EXTRA
