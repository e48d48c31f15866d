"""`make bench`: render the default service and measure how fast its events travel.

Every round measures everything once, each ratio's two sides next to each other, so that what else
the machine does falls on both. The exit code is 0 if every "must" holds.
"""

import argparse
import asyncio
import json
import shutil
import signal
import sys
from datetime import datetime
from pathlib import Path

from bench.report import Measure, Ratio, area_under_curve, load, percentile, table
from bench.stage import Stage, await_line, without_outbox
from tools.common.console import Console
from tools.common.errors import ToolError
from tools.demo.default_service import render
from tools.demo.service import Service
from tools.servers.namespace import Namespace
from tools.servers.probes import NotReady
from tools.servers.running import running_servers

_FASTSTREAM = "faststream[rabbit]==0.7.8"
_PER_SECOND = 20
_INTERRUPTED = 130

Words = tuple[str, *tuple[int, ...]]
"""A driver of bench/drivers, and the numbers it is given."""

Times = list[float]

RELAY = Ratio("relay ÷ publishing by hand", 0.7, 0.85)
HALF = Measure("commit to handled, p50 in ms", 10, at_most=True)
NEARLY_ALL = Measure("commit to handled, p99 in ms", 25, at_most=True)
CONSUME = Ratio("consuming ÷ FastStream", 1.0)
POISON = Ratio("the same among 1 % poison ÷ alone", 0.95)
REGISTER = Ratio("register with outbox ÷ without", 0.9)
UNHASHED = Ratio("the same if it hashed nothing")
BESIDE = Measure("read p99 beside 8 logins ÷ idle", 10, 3, at_most=True)
LATE = Measure("loop late while hashing, p99 in ms", 10, at_most=True)
ORACLE = Measure("wrong password or no account, AUC", 0.55, at_most=True)
ALL = (RELAY, HALF, NEARLY_ALL, CONSUME, POISON, REGISTER, UNHASHED, BESIDE, LATE, ORACLE)


def compare(
    stage: Stage, ratio: Ratio, ours: Words, other: Words, project: Path | None = None
) -> None:
    """Measure both sides, the other one perhaps in another project; which is first alternates."""
    sides = [(ours, stage.project), (other, project or stage.project)]
    order = (0, 1) if len(ratio.values) % 2 else (1, 0)
    results = {i: stage.measure(*sides[i][0], project=sides[i][1]) for i in order}
    ratio.add(results[0], results[1])


def travel(stage: Stage, count: int) -> None:
    """Measure from the commit in one process to the worker's line after its own commit."""
    with stage.worker() as log:
        committed = stage.measure("produce", count, _PER_SECOND)["committed"]
        handled = [f'"event_id":"{event}"' for event in committed]
        await_line(log, *handled)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    times = [
        (datetime.fromisoformat(line["timestamp"]).timestamp() - committed[line["event_id"]]) * 1000
        for line in lines
        if line["event"] == "event_handled" and line["event_id"] in committed
    ]
    if len(times) != len(committed):
        text = f"{len(committed)} events were committed and {len(times)} handled: see {log}"
        raise ToolError(text)
    HALF.values.append(percentile(times, 0.5))
    NEARLY_ALL.values.append(percentile(times, 0.99))


def accounts(stage: Stage, options: argparse.Namespace, known: Times, unknown: Times) -> None:
    """Measure reads beside logins, and the times of logins so far."""
    result = stage.measure("accounts", options.reads, options.logins // options.rounds)
    BESIDE.values.append(result["busy"] / result["idle"])
    LATE.values.append(result["late"])
    known += result["known"]
    unknown += result["unknown"]
    ORACLE.values[:] = [area_under_curve(known, unknown)]


def measure(console: Console, stage: Stage, options: argparse.Namespace) -> None:
    """Go through the rounds."""
    bare = without_outbox(stage.project)
    logins: tuple[Times, Times] = ([], [])
    for number in range(1, options.rounds + 1):
        with console.step(f"round {number} of {options.rounds}") as step:
            many, hashed = options.events, options.events // 10
            compare(stage, RELAY, ("relay", many), ("publish", many))
            compare(stage, CONSUME, ("consume", many), ("consume_faststream", many))
            compare(stage, POISON, ("consume", many, many // 100), ("consume", many))
            compare(stage, REGISTER, ("register", hashed, 1), ("register", hashed, 1), bare)
            compare(stage, UNHASHED, ("register", many, 0), ("register", many, 0), bare)
            travel(stage, options.paced)
            accounts(stage, options, *logins)
            values = ", ".join(f"{measure.values[-1]:.2f}" for measure in ALL)
            step.saw = f"{values}; {load()}"


def prepare(console: Console, service: Service) -> None:
    """Set the service up, with FastStream beside it, and make its tables."""
    service.run(console, "set up its environment (make setup)", "make", "setup")
    python, uv = str(service.bin / "python"), str(service.bin / "uv")
    service.run(
        console, f"add {_FASTSTREAM}", uv, "pip", "install", "--python", python, _FASTSTREAM
    )
    service.run(console, "apply its migrations", str(service.bin / "alembic"), "upgrade", "head")


def run(console: Console, options: argparse.Namespace) -> None:
    """Measure on servers that are found or started; the service is removed afterwards."""
    with running_servers(console.say) as servers:
        project = render(console)
        namespace = Namespace(servers.environment())
        service = Service(project, servers.reaper)
        asyncio.run(namespace.create())
        try:
            service.configure(namespace.settings)
            prepare(console, service)
            measure(console, Stage(project, namespace.settings, servers.reaper), options)
        finally:
            asyncio.run(namespace.remove())
    shutil.rmtree(project.parent)


def main() -> int:
    """Run it and print the table."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure the service's messaging.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=2000, help="in each measurement of a rate")
    parser.add_argument("--paced", type=int, default=200, help="events for the time to handled")
    parser.add_argument("--reads", type=int, default=1000, help="beside logins and without")
    parser.add_argument("--logins", type=int, default=2000, help="in all, for their times")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as clean as a Ctrl-C
    console = Console()
    try:
        console.say(f"Before: {load()}")
        run(console, options)
    except (ToolError, *NotReady) as error:
        console.say(str(error))
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    for line in ("", *table(ALL), "", f"After: {load()}"):
        console.say(line)
    return 0 if all(measure.holds(measure.must) for measure in ALL) else 1


if __name__ == "__main__":
    sys.exit(main())
