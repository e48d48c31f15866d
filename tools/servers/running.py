"""Real servers for a run: each is found or started, and those that were started end with the run.

Each is searched for in this order: its URL in the environment (POSTGRES_URL, REDIS_URL,
RABBITMQ_URL), Docker, a program of this machine, a package that apt-get installs (Debian or
Ubuntu, as root). SERVERS=environment, docker or installed allows that one way only.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from tools.common import docker
from tools.common.errors import ToolError
from tools.servers import installed, packages
from tools.servers.addresses import KINDS, TITLES, Kind, from_url
from tools.servers.container_server import ContainerServer
from tools.servers.reaper import Reaper
from tools.servers.server import GivenServer, Server

Say = Callable[[str], None]

_WAYS = ("environment", "docker", "installed")


@dataclass(frozen=True, slots=True)
class Servers:
    """The three servers, up and answering."""

    rabbitmq: Server
    postgres: Server
    redis: Server
    reaper: Reaper

    def environment(self) -> dict[str, str]:
        """Return their addresses under the names of the service's settings."""
        return {
            **self.postgres.address.environment(),
            **self.redis.address.environment(),
            **self.rabbitmq.address.environment(),
        }

    def urls(self) -> dict[str, str]:
        """Return their URLs under the names that another run reads from its environment."""
        return {
            "POSTGRES_URL": self.postgres.address.url,
            "REDIS_URL": self.redis.address.url,
            "RABBITMQ_URL": self.rabbitmq.address.url,
        }


class _Search:
    """Finds a server of each kind."""

    def __init__(self, reaper: Reaper, say: Say) -> None:
        self._reaper = reaper
        self._say = say
        forced = os.environ.get("SERVERS", "")
        if forced not in {"", *_WAYS}:
            text = f"SERVERS={forced} is not one of {', '.join(_WAYS)}."
            raise ToolError(text)
        self._forced = forced
        self._ways = (forced,) if forced else _WAYS

    def all(self) -> dict[Kind, Server]:
        """Find all three; install the missing ones together."""
        found = {kind: server for kind in KINDS if (server := self._find(kind))}
        if missing := [kind for kind in KINDS if kind not in found]:
            self._install(missing)
            late = {kind: installed.find(kind, self._reaper) for kind in missing}
            found |= {kind: server for kind, server in late.items() if server}
        return found

    def _find(self, kind: Kind) -> Server | None:
        searches: dict[str, Callable[[Kind], Server | None]] = {
            "environment": self._in_environment,
            "docker": self._in_docker,
            "installed": partial(installed.find, reaper=self._reaper),
        }
        for way in self._ways:
            if server := searches[way](kind):
                return server
        return None

    def _in_environment(self, kind: Kind) -> Server | None:
        url = os.environ.get(f"{kind.upper()}_URL")
        return GivenServer(from_url(kind, url)) if url else None

    def _in_docker(self, kind: Kind) -> Server | None:
        if docker.obstacle():
            return None
        server = ContainerServer(kind, self._reaper)
        return server if server.fetch(self._say) else None

    def _install(self, kinds: list[Kind]) -> None:
        if "installed" in self._ways and packages.obstacle() is None:
            packages.install(kinds, lambda kind: not installed.present(kind), self._say)
            return
        raise ToolError(self._advice(kinds))

    def _advice(self, kinds: list[Kind]) -> str:
        titles = ", ".join(TITLES[kind] for kind in kinds)
        urls = ", ".join(f"{kind.upper()}_URL" for kind in kinds)
        if self._forced == "environment":
            return f"{titles} not found: SERVERS=environment needs {urls} set."
        if self._forced == "docker":
            reason = docker.obstacle() or "the images cannot be pulled"
            return f"{titles} not found: SERVERS=docker is set, but {reason}."
        return (
            f"{titles} not found: start Docker, or install {packages.names(kinds)},"
            f" or set {urls} to servers you already run."
        )


@contextmanager
def running_servers(say: Say = print) -> Iterator[Servers]:
    """Provide real servers for a `with` block, and end those that were started for it."""
    with Reaper() as reaper:
        found = _Search(reaper, say).all()
        for server in found.values():
            server.launch()  # all of them, before the first wait
        for kind, server in found.items():
            version = server.wait()
            say(f"{TITLES[kind]} {version} on {server.address}, {server.origin}")
        yield Servers(found["rabbitmq"], found["postgres"], found["redis"], reaper)
