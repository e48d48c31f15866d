"""`make bench`: render the default service and measure it, beside what it is compared with.

Both sides of a ratio run at the same time on one core; load generators and servers have the other
cores. What is compared is CPU time, from the same interval. The exit code is 0 if every "must"
holds.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import growth, logins, messages, plot, requests
from bench.accounts import Accounts
from bench.cores import Cores
from bench.process import Launcher
from bench.report import Measure, latest, load_average, table
from bench.side import ROOT, arena, render, set_up
from tools.common.command import interrupt_on_signals
from tools.common.console import Console
from tools.common.errors import ToolError
from tools.demo.service import Service
from tools.servers.probes import NotReady
from tools.servers.running import running_servers

PLOT = ROOT / "docs/latency.svg"
CONNECTIONS = (1, 2, 4, 8, 16, 32, 64, 128)
PARTS = ("requests", "messages", "logins", "growth", "memory", "picture")
_INTERRUPTED = 130


@dataclass(frozen=True)
class Versions:
    """The present version, a second copy of it, and perhaps an earlier version."""

    now: Accounts
    copy: Accounts
    before: Accounts | None


@contextmanager
def versions(console: Console, against: Path | None) -> Iterator[Versions]:
    """Render, set up and migrate, on servers that are found or started; remove all afterwards."""
    cores = Cores.choose()
    cores.leave_tested()
    console.say(str(cores))
    with ExitStack() as stack:
        servers = stack.enter_context(running_servers(console.say))
        addresses = (servers.postgres.address, servers.redis.address, servers.rabbitmq.address)
        cores.pin_containers([str(address.port) for address in addresses])
        launcher = Launcher(cores, servers.reaper)

        def project(name: str, source: Path) -> Path:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"bench-{name}-")))
            project = render(console, source, folder)
            set_up(console, Service(project, launcher.reaper))
            return project

        def accounts(name: str, project: Path) -> Accounts:
            side = arena(console, name, project, servers.environment(), launcher)
            return Accounts.first(stack.enter_context(side))

        now = project("now", ROOT)
        yield Versions(
            accounts("now", now),
            accounts("copy", now),
            accounts("before", project("before", against)) if against else None,
        )


def measure(console: Console, found: Versions, options: argparse.Namespace) -> list[Measure]:
    """Measure the parts that were asked for."""
    asked = requests.Requests(found.now, found.before, options.users, options.seconds)
    measures: list[Measure] = [*requests.ALL, *requests.AGAINST]
    with console.step(f"add {options.users} users"):
        asked.prepare()
    with console.step("declare the queues"):
        messages.prepare(*filter(None, (found.now, found.copy, found.before)))
    if "requests" in options.only:
        _rounds(console, "requests", options.rounds, measures, asked.round)
    if "messages" in options.only:
        sent = messages.Messages(found.now, found.copy, found.before, options.events, options.paced)
        some = [*messages.ALL, *messages.AGAINST]
        _rounds(console, "messages", options.rounds, some, lambda _: sent.round())
        measures += some
    if "logins" in options.only:
        each = options.logins // options.rounds
        tried = logins.Logins(found.now, options.reads, each)
        _rounds(console, "logins", options.rounds, logins.ALL, lambda _: tried.round())
        measures += logins.ALL
    if "growth" in options.only:
        measures += _grow(console, found, options)
    if "memory" in options.only:
        with console.step(f"memory after {options.requests:,} requests") as step:
            growth.memory([a for a in (found.now, found.before) if a], options.requests)
            step.saw = latest([growth.MEMORY, growth.NOW_MEMORY])
        measures += [growth.MEMORY, growth.NOW_MEMORY]
    if "picture" in options.only:
        with console.step(f"latency against load, to {options.plot}"):
            plot.draw(options.plot, asked.latencies(CONNECTIONS))
    return measures


def _rounds(
    console: Console,
    title: str,
    count: int,
    measures: Sequence[Measure],
    measure_all: Callable[[int], None],
) -> None:
    for number in range(1, count + 1):
        with console.step(f"{title}, round {number} of {count}") as step:
            measure_all(number)
            step.saw = f"{latest(measures)}; {load_average()}"


def _grow(console: Console, found: Versions, options: argparse.Namespace) -> list[Measure]:
    with growth.growing(found.now, options.sizes) as growing:
        _rounds(console, "growth", options.rounds, [], lambda _: growing.round())
    backlog = options.sizes[-1]
    with console.step(f"relay behind {backlog:,} events") as step:
        growth.drain(found.now, found.copy, backlog, options.events, options.rounds)
        step.saw = latest([growth.DRAIN])
    return [*growing.measures.values(), growth.DRAIN]


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure the default service.")
    add = parser.add_argument
    add("--against", type=Path, help="an earlier version: a template's folder, or a rendered one")
    add("--only", nargs="+", choices=PARTS, default=PARTS)
    add("--rounds", type=int, default=5)
    add("--seconds", type=float, default=5, help="of each load")
    add("--users", type=int, default=20_000, help="more than can be asked for in a load")
    add("--events", type=int, default=6_000, help="to relay; half of them to consume")
    add("--paced", type=int, default=200, help="events for the time to handled")
    add("--reads", type=int, default=1_000, help="beside logins and without")
    add("--logins", type=int, default=2_000, help="in all, for their times")
    add("--requests", type=int, default=100_000, help="for the memory they cost")
    add("--sizes", type=int, nargs="+", default=[1_000, 100_000, 1_000_000], help="of databases")
    add("--plot", type=Path, default=PLOT, help="where the picture goes")
    return parser.parse_args()


def main() -> int:
    """Run it and print the table."""
    options = parse()
    interrupt_on_signals()
    console = Console()
    console.say(f"Before: {load_average()}")
    try:
        with versions(console, options.against and options.against.resolve()) as found:
            measures = measure(console, found, options)
    except (ToolError, *NotReady) as error:
        console.say(str(error) or type(error).__name__)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    for line in ("", *table(measures), "", f"After: {load_average()}"):
        console.say(line)
    return 0 if all(m.holds(m.must) for m in measures if m.values) else 1


if __name__ == "__main__":
    sys.exit(main())
