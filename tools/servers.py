"""Real servers for a run: found or started, each on its own, and ended with the run.

The order for each: its URL in the environment (POSTGRES_URL, REDIS_URL, RABBITMQ_URL), Docker,
installed on this machine, installed now by apt-get (Debian or Ubuntu, as root).
SERVERS=environment, docker or installed allows that one way only.

`python -m tools.servers` keeps them up and prints the service's settings until Ctrl-C.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from tools import containers, installed, packages
from tools.addresses import KINDS, TITLES, Kind, from_url
from tools.errors import ToolError
from tools.reaper import Reaper
from tools.server import GivenServer, Server

Say = Callable[[str], None]

_WAYS = ("environment", "docker", "installed")


@dataclass(frozen=True, slots=True)
class Servers:
    """The three of them, up and answering."""

    rabbitmq: Server
    postgres: Server
    redis: Server
    reaper: Reaper

    def environment(self) -> dict[str, str]:
        """Give what the service needs to know, under the names of its settings."""
        three = (self.postgres, self.redis, self.rabbitmq)
        pairs = [pair for server in three for pair in server.address.environment().items()]
        return dict(pairs)


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
        """Find all three; what is missing is installed in one go."""
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
        if containers.obstacle():
            return None
        server = containers.ContainerServer(kind, self._reaper)
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
            reason = containers.obstacle() or "the images cannot be had"
            return f"{titles} not found: SERVERS=docker was asked for, but {reason}."
        return (
            f"{titles} not found: start Docker, or install {packages.names(kinds)},"
            f" or set {urls} to servers you already run."
        )


@contextmanager
def running_servers(say: Say = print) -> Iterator[Servers]:
    """Give real servers for the length of a `with`, and end those that were started for it."""
    with Reaper() as reaper:
        found = _Search(reaper, say).all()
        for server in found.values():
            server.launch()  # all of them, before the first wait
        for kind, server in found.items():
            version = server.wait()
            say(f"{TITLES[kind]} {version} on {server.address}, {server.origin}")
        yield Servers(found["rabbitmq"], found["postgres"], found["redis"], reaper)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Keep servers up for a developer: the settings on stdout, the talk on stderr."""
    try:
        with running_servers(_tell) as servers:
            for key, value in servers.environment().items():
                print(f"export {key}={value}", flush=True)
            _tell("Ctrl-C ends them.")
            threading.Event().wait()
    except ToolError as error:
        _tell(str(error))
        return 1
    except KeyboardInterrupt:
        _tell("ended")
    return 0


if __name__ == "__main__":
    sys.exit(main())
