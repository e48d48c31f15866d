"""Servers that answer HTTP, started at the same time."""

import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.process import Process
from bench.side import Side
from tools.common.errors import ToolError
from tools.common.machine import free_port, last_lines

SERVICE = "src.main:app"
WITHOUT_EVENTS = "bench.apps.without_events:app"
REFERENCE = "bench.apps.reference:app"
BARE = "bench.apps.bare:app"
_STARTED_WITHIN = 90.0
_POLL = 0.002


@dataclass(frozen=True)
class App:
    """An ASGI application of a side, and the settings that it gets beside the side's own."""

    side: Side
    name: str = SERVICE
    settings: dict[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """An app that runs. `first_answer` is in seconds from its start, by the clock and in CPU."""

    process: Process
    port: int
    first_answer: float = 0.0
    first_answer_cpu: float = 0.0

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(*apps: App) -> Iterator[list[Server]]:
    """Start all of them at once, wait until each has answered, and stop them afterwards."""
    servers = []
    begun = time.perf_counter()
    try:
        for app in apps:
            port = free_port()
            servers.append(Server(app.side.uvicorn(app.name, port, **app.settings), port))
        _await_answers(servers, begun)
        yield servers
    finally:
        for app, server in zip(apps, servers, strict=False):
            app.side.stop(server.process)


def _await_answers(servers: list[Server], begun: float) -> None:
    while waiting := [server for server in servers if not server.first_answer]:
        for server in waiting:
            if _answers(server.port):
                server.first_answer = time.perf_counter() - begun
                server.first_answer_cpu = server.process.cpu_seconds()
            server.process.check()
        if time.perf_counter() - begun > _STARTED_WITHIN:
            text = f"No answer from {waiting}:\n{last_lines(waiting[0].process.log)}"
            raise ToolError(text)
        time.sleep(_POLL)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
