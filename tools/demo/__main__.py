"""`make demo`: render the default service, run it on real servers, and run the smoke test.

The exit code is 0 only if every step held. All that was started is ended in any case. The rendered
service and its logs stay, in a temporary folder that the last lines name.
"""

import asyncio
import sys
import time
from pathlib import Path

import httpx2

from tools.common.command import run_command
from tools.common.console import Console
from tools.common.errors import ToolError
from tools.demo.api_client import ApiClient, StepError
from tools.demo.default_service import render
from tools.demo.inspector import ServerInspector
from tools.demo.service import Service
from tools.demo.smoke_test import run_steps
from tools.servers.namespace import Namespace
from tools.servers.probes import NotReady
from tools.servers.running import running_servers


async def smoke_test(console: Console, service: Service, settings: dict[str, str]) -> None:
    """Run the smoke test, with an inspector of the servers."""
    http = httpx2.AsyncClient(base_url=service.url, timeout=10)
    inspector = ServerInspector(settings, service.log("worker"))
    async with http, inspector:
        await inspector.listen()
        await run_steps(ApiClient(http, inspector), console)


def run_service(console: Console, service: Service, namespace: Namespace) -> None:
    """Set the service up, start it, test it and stop it, on this run's part of the servers."""
    service.run(console, "set up its environment (make setup)", "make", "setup")
    asyncio.run(namespace.create())
    service.configure(namespace.settings)
    try:
        service.run(
            console, "apply its migrations", str(service.bin / "alembic"), "upgrade", "head"
        )
        with console.step("start the API and the worker") as step:
            step.saw = service.start(step)
        asyncio.run(smoke_test(console, service, namespace.settings))
        with console.step("stop them with SIGTERM"):
            service.stop()
    finally:
        service.end()
        asyncio.run(namespace.remove())


def run(console: Console) -> Path:
    """Run the whole demo and return the rendered service's folder."""
    console.say("Servers")
    with running_servers(lambda line: console.say(f"  {line}")) as servers:
        console.say("Service")
        service = Service(render(console), servers.reaper)
        try:
            run_service(console, service, Namespace(servers.environment()))
        except (StepError, ToolError, *NotReady) as error:
            request_id = getattr(error, "request_id", None)
            console.say(f"\n{error}\n\n{service.log_lines(request_id)}\n")
            raise SystemExit(1) from None
    return service.project


def main() -> int:
    """Run the demo, and print the next commands to type."""
    console = Console()
    begun = time.monotonic()
    project = run(console)
    console.say(f"\nEvery step held, in {time.monotonic() - begun:.0f} s. The service is yours:\n")
    console.say(f"  cd {project}")
    console.say("  docker compose up --build -d     # then open http://localhost:8000/docs")
    console.say("\nWithout Docker, name your own servers in its .env, then:\n")
    console.say("  make migrate && make run         # and in a second terminal: make worker\n")
    console.say(f"Its logs are in {project.parent}. To remove all: rm -r {project.parent}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
