"""`make demo`: render the default service, run it on real servers, and walk through its API.

The exit code is 0 only if every step held. What was started is ended, whatever happens; the
rendered service and its logs stay, in a temporary folder that the last lines name.
"""

import asyncio
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2

from tools.console import Console
from tools.errors import ToolError
from tools.namespace import Namespace
from tools.probes import NotReady
from tools.servers import running_servers
from tools.service import Service
from tools.tour import walk
from tools.visitor import StepError, Visitor
from tools.witness import ServerWitness

_ROOT = Path(__file__).parent.parent
_INTERRUPTED = 130


def render(console: Console) -> Path:
    """Render with every default, by the command that a user would type."""
    folder = Path(tempfile.mkdtemp(prefix="template-demo-"))
    command = [sys.executable, "-m", "cookiecutter", str(_ROOT), "--no-input", "--default-config"]
    with console.step("render the default service") as step:
        answer = subprocess.run(
            [*command, "--output-dir", str(folder)], capture_output=True, text=True, check=False
        )
        if answer.returncode != 0:
            text = f"cookiecutter ended with exit code {answer.returncode}:\n{answer.stderr}"
            raise ToolError(text)
        project = next(path for path in folder.iterdir() if path.is_dir())
        files = sum(path.is_file() for path in project.rglob("*"))
        step.saw = f"{files} files in {project}"
    return project


async def visit(console: Console, service: Service, settings: dict[str, str]) -> None:
    """Take the tour, with a look behind the scenes."""
    client = httpx2.AsyncClient(base_url=service.url, timeout=10)
    witness = ServerWitness(settings, service.log("worker"))
    async with client, witness:
        await witness.listen()
        await walk(Visitor(client, witness), console)


def prove(console: Console, service: Service, namespace: Namespace) -> None:
    """Go through everything that needs the servers' own part of this run."""
    service.run(console, "set up its environment (make setup)", "make", "setup")
    asyncio.run(namespace.create())
    service.configure(namespace.settings)
    try:
        service.run(
            console, "apply its migrations", str(service.bin / "alembic"), "upgrade", "head"
        )
        with console.step("start the API and the worker") as step:
            step.saw = service.start(step)
        asyncio.run(visit(console, service, namespace.settings))
        with console.step("stop them with SIGTERM"):
            service.stop()
    finally:
        service.end()
        asyncio.run(namespace.remove())


def run(console: Console) -> Path:
    """Do the whole demo and return where the rendered service is."""
    console.say("Servers")
    with running_servers(lambda line: console.say(f"  {line}")) as servers:
        console.say("Service")
        service = Service(render(console), servers.reaper)
        try:
            prove(console, service, Namespace(servers.environment()))
        except (StepError, ToolError, *NotReady) as error:
            request_id = getattr(error, "request_id", None)
            console.say(f"\n{error}\n\n{service.log_lines(request_id)}\n")
            raise SystemExit(1) from None
    return service.project


def main() -> int:
    """Run it, and say how to go on."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as clean as a Ctrl-C
    console = Console()
    begun = time.monotonic()
    try:
        project = run(console)
    except ToolError as error:
        console.say(str(error))
        return 1
    except KeyboardInterrupt:
        console.say("\nStopped. Everything that was started has ended.")
        return _INTERRUPTED
    console.say(f"\nEvery step held, in {time.monotonic() - begun:.0f} s. The service is yours:\n")
    console.say(f"  cd {project}")
    console.say("  docker compose up --build -d     # then open http://localhost:8000/docs")
    console.say("\nWithout Docker, name your own servers in its .env, then:\n")
    console.say("  make migrate && make run         # and in a second terminal: make worker\n")
    console.say(f"Its logs are in {project.parent}. To remove all: rm -r {project.parent}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
