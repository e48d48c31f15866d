"""HTTP load on several servers at the same time, with the same number of connections each."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Protocol
from uuid import uuid4

from bench.process import Process
from bench.report import Figures, percentile
from tools.common.errors import ToolError

CONNECTIONS = 32
PASSWORD = "violet-kettle-93-harbour"  # noqa: S105 - of users that exist for a minute
WARM_UP = 0.7
ENOUGH = 20
LEAST_SHARE = 0.2
"""Of the interval, in CPU time of each server."""
_ANSWERED_WITHIN = 60.0


class Requests(Protocol):
    """Supplies the requests of a load."""

    def next(self) -> bytes:
        """Return the next request."""

    def answered(self, body: bytes) -> None:
        """Receive the body of an answer."""


@dataclass(frozen=True)
class Gets:
    """GET requests of one path, each with the next of some access tokens."""

    requests: Iterator[bytes]

    @classmethod
    def repeated(cls, path: str, tokens: Sequence[str] = ("",)) -> "Gets":
        """Use each token again and again."""
        return cls(cycle([get(path, token) for token in tokens]))

    @classmethod
    def once(cls, path: str, tokens: Sequence[str]) -> "Gets":
        """Use each token once."""
        return cls(get(path, token) for token in tokens)

    def next(self) -> bytes:
        """Return the next request."""
        found = next(self.requests, None)
        if found is None:
            text = "Every user was asked for: use more of them (--users)."
            raise ToolError(text)
        return found

    def answered(self, body: bytes) -> None:
        """Do nothing."""


class Registrations:
    """Registrations of new addresses."""

    def next(self) -> bytes:
        """Return the next request."""
        return post("/auth/register", email=f"{uuid4().hex}@example.com", password=PASSWORD)

    def answered(self, body: bytes) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Refreshes:
    """Refreshes of several sessions: an answer holds the token of that session's next request."""

    tokens: deque[str]

    def next(self) -> bytes:
        """Return the next request."""
        return post("/auth/refresh", refresh_token=self.tokens.popleft())

    def answered(self, body: bytes) -> None:
        """Keep the new token."""
        self.tokens.append(json.loads(body)["refresh_token"])


def get(path: str, token: str = "") -> bytes:
    """Write a GET request."""
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n{bearer}\r\n".encode()


def post(path: str, **fields: str) -> bytes:
    """Write a POST request to the API."""
    body = json.dumps(fields)
    head = f"Host: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"POST /api/v1{path} HTTP/1.1\r\n{head}\r\n\r\n{body}".encode()


@dataclass
class Target:
    """A server under load, and what it has answered in the measured interval."""

    process: Process
    port: int
    requests: Requests
    times: list[float] = field(default_factory=list)
    failure: BaseException | None = None


class _Connection(asyncio.Protocol):
    """Sends one request after the other until `stopping` is true."""

    def __init__(self, target: Target, stopping: Callable[[], bool]) -> None:
        self._target = target
        self._stopping = stopping
        self._received = b""
        self.idle = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]

    def send(self) -> None:
        """Send a request, or become idle."""
        if self._stopping():
            self._end()
            return
        try:
            request = self._target.requests.next()
        except (ToolError, IndexError) as error:
            self._end(error)
            return
        self._begun = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Collect an answer; when it is complete, send the next request."""
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        if not separator or len(body) < int(length or 0):
            return
        self._target.times.append(time.perf_counter() - self._begun)
        self._received = b""
        if head[9:10] != b"2":
            text = f"A request was refused: {head.decode()}\n{body.decode()}"
            self._end(ToolError(text))
            return
        self._target.requests.answered(body)
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail, unless it was idle."""
        self._end(exc or ToolError("The server closed a connection."))

    def _end(self, failure: BaseException | None = None) -> None:
        if not self.idle.done():
            self._target.failure = self._target.failure or failure
            self.idle.set_result(None)


def run(seconds: float, *targets: Target, connections: int = CONNECTIONS) -> list[Figures]:
    """Load all targets at the same time, and measure all of them in the same interval."""
    return asyncio.run(_run(seconds, targets, connections))


async def _run(seconds: float, targets: Sequence[Target], connections: int) -> list[Figures]:
    loop = asyncio.get_running_loop()
    stopping = False
    opened: list[_Connection] = []
    for _ in range(connections):
        for target in targets:  # in turn
            _, connection = await loop.create_connection(
                lambda target=target: _Connection(target, lambda: stopping),  # type: ignore[misc]
                "127.0.0.1",
                target.port,
            )
            opened.append(connection)
    for connection in opened:
        connection.send()
    await asyncio.sleep(WARM_UP)
    for target in targets:
        target.times.clear()
    begun = time.perf_counter()
    cpu = [target.process.cpu_seconds() for target in targets]
    await asyncio.sleep(seconds)
    await _await_enough(targets, [used + seconds * LEAST_SHARE for used in cpu])
    figures = []
    elapsed = time.perf_counter() - begun
    for target, before in zip(targets, cpu, strict=True):
        figures.append(_figures(target, target.process.cpu_seconds() - before, elapsed))
    stopping = True
    async with asyncio.timeout(_ANSWERED_WITHIN):
        await asyncio.gather(*(connection.idle for connection in opened))
    for connection in opened:
        connection.transport.close()
    return figures


async def _await_enough(targets: Sequence[Target], cpu: Sequence[float]) -> None:
    """Extend the interval, on a busy machine, until each process has got this far in CPU time."""
    deadline = time.monotonic() + _ANSWERED_WITHIN
    while not all(
        target.failure or (len(target.times) >= ENOUGH and target.process.cpu_seconds() >= least)
        for target, least in zip(targets, cpu, strict=True)
    ):
        if time.monotonic() > deadline:
            if all(len(target.times) >= ENOUGH for target in targets):
                return  # a single connection may wait for most of the time
            text = f"The machine is too busy: no {ENOUGH} requests in {_ANSWERED_WITHIN:.0f} s."
            raise ToolError(text)
        await asyncio.sleep(0.1)


def _figures(target: Target, cpu: float, elapsed: float) -> Figures:
    if target.failure:
        raise target.failure
    count = len(target.times)
    return Figures(
        cpu_ms=cpu / count * 1000,
        per_second=count / elapsed,
        p50=percentile(target.times, 0.5) * 1000,
        p99=percentile(target.times, 0.99) * 1000,
    )
