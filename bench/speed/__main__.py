"""`python -m bench.speed`, a part of `make bench`: what a request of the default service costs.

Every round measures everything once, each ratio's two sides one after the other. What is compared
is the server's CPU time for a request, since the clock's depends on what else the machine does. The
exit code is 0 if every "must" holds.
"""

import argparse
import asyncio
import shutil
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench.report import Measure, load, table
from bench.speed import growth, plot, requests
from bench.speed.requests import ALL, APP, ME, REFERENCE, UNHASHED, USERS_OF_HITS, Requests
from bench.speed.target import serving
from bench.stage import ROOT, Stage
from tools.common.console import Console
from tools.common.errors import ToolError
from tools.demo.default_service import render
from tools.demo.service import Service
from tools.servers import packages
from tools.servers.namespace import Namespace
from tools.servers.probes import NotReady
from tools.servers.running import running_servers

PLOT = ROOT / "docs/latency.svg"
CONNECTIONS = (1, 2, 4, 8, 16, 32, 64, 128)
FEW = 1_000
_INTERRUPTED = 130


def compare(console: Console, stage: Stage, wrk: str, options: argparse.Namespace) -> Requests:
    """Go through the rounds, then draw the picture."""
    tokens = stage.project.parent / "tokens"
    tokens.write_text("\n".join(stage.measure("seed", options.users)["tokens"]))
    asked = Requests(stage, wrk, tokens, options.users, options.seconds)
    with ExitStack() as stack:
        apps = (APP, REFERENCE, UNHASHED)
        service, reference, unhashed = (
            stack.enter_context(serving(stage, app, wrk)) for app in apps
        )
        for number in range(1, options.rounds + 1):
            with console.step(f"requests, round {number} of {options.rounds}") as step:
                asked.round(service, reference, unhashed)
                step.saw = f"{shown(ALL)}; {load()}"
        hits = (tokens, str(USERS_OF_HITS))
        with console.step(f"latency against load, to {options.plot}"):
            sides = {"GET /users/me": (service, ME), "bare FastAPI (REF)": (reference, "/ref/me")}
            lines = {
                name: [
                    target.load(path, options.seconds, *hits, connections=count)
                    for count in CONNECTIONS
                ]
                for name, (target, path) in sides.items()
            }
            plot.draw(options.plot, lines)
    with console.step(f"memory after {FEW:,} and after {options.requests:,} requests") as step:
        asked.memory(FEW, options.requests)
        step.saw = shown([requests.MEMORY])
    return asked


def grow(
    console: Console, stage: Stage, wrk: str, options: argparse.Namespace
) -> Sequence[Measure]:
    """Compare databases of several sizes."""
    accounts = growth.Accounts(tuple(options.sizes))
    with ExitStack() as stack:
        with console.step(f"fill databases with {options.sizes} users"):
            sized = [stack.enter_context(growth.sized(stage, n)) for n in options.sizes]
            growth.execute(sized[-1].settings, growth.EVENTS.format(options.sizes[-1]))
        targets = [stack.enter_context(serving(each, UNHASHED, wrk)) for each in sized]
        for number in range(1, options.rounds + 1):
            with console.step(f"growth, round {number} of {options.rounds}") as step:
                accounts.run(targets, 100)
                growth.drain(sized[0], sized[-1], options.events)
                step.saw = f"{shown([*accounts.measures.values(), growth.DRAIN])}; {load()}"
    return [*accounts.measures.values(), growth.DRAIN]


def shown(measures: Sequence[Measure]) -> str:
    """Give the latest values."""
    return ", ".join(f"{measure.values[-1]:.2f}" for measure in measures if measure.values)


def run(console: Console, options: argparse.Namespace) -> list[Measure]:
    """Measure on servers that are found or started; the service is removed afterwards."""
    wrk = packages.program("wrk", console.say)
    with running_servers(console.say) as servers:
        project = render(console)
        namespace = Namespace(servers.environment())
        service = Service(project, servers.reaper)
        asyncio.run(namespace.create())
        try:
            service.configure(namespace.settings)
            service.run(console, "set up its environment (make setup)", "make", "setup")
            service.run(
                console, "apply its migrations", f"{service.bin}/alembic", "upgrade", "head"
            )
            # As in the image: the developers' tools bring what the libraries then import as well.
            words = (f"{service.bin}/uv", "sync", "--active", "--no-dev")
            service.run(console, "keep what the image has", "env", "VIRTUAL_ENV=.venv", *words)
            stage = Stage(project, namespace.settings, servers.reaper)
            grown = [] if options.sizes == [0] else grow(console, stage, wrk, options)
            asked = compare(console, stage, wrk, options)
        finally:
            asyncio.run(namespace.remove())
    shutil.rmtree(project.parent)
    costs = (f"{name} {median(cpu):.3f} ({min(cpu):.3f})" for name, cpu in asked.cpu.items())
    console.say(f"CPU for a request in ms, median (least): {', '.join(costs)}")
    return [*ALL, *grown]


def main() -> int:
    """Run it and print the table."""
    parser = argparse.ArgumentParser(prog="bench.speed", description="Measure what requests cost.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=3, help="of each load")
    parser.add_argument("--users", type=int, default=20_000, help="more than can be asked for")
    parser.add_argument("--events", type=int, default=2000, help="relayed in each measurement")
    parser.add_argument("--requests", type=int, default=100_000, help="for the memory they cost")
    parser.add_argument("--plot", type=Path, default=PLOT, help="where the picture goes")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    console = Console()
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as clean as a Ctrl-C
    try:
        measures = run(console, options)
    except (ToolError, *NotReady) as error:
        console.say(str(error) or type(error).__name__)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    for line in ("", *table(measures), "", f"After: {load()}"):
        console.say(line)
    return 0 if all(measure.holds(measure.must) for measure in measures) else 1


if __name__ == "__main__":
    sys.exit(main())
