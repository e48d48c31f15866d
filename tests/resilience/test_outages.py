"""Outages of the broker and the database while events are published."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.resilience import checker, report
from tools.common.errors import DeadlineError
from tools.common.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.resilience.conftest import NewRunner
    from tests.resilience.runner import Runner
    from tools.servers.running import Servers
    from tools.servers.server import Server

PUBLISHERS = 50
AWAY = report.size(2, 20)
PAUSED = report.size(6, 30)
# The report has the figures: on idle machines at most ten seconds.
RECOVERED_WITHIN = 30
# If the broker is killed while a retry queue forwards a message, RabbitMQ repeats that only after
# its `dead_letter_worker_publisher_confirm_timeout`.
FORWARDED_WITHIN = 200
FLOW = "events are handled again"
FLOWING = """
SELECT count(*) FROM users u JOIN notifications n ON n.user_id = u.id
WHERE u.created_at > to_timestamp({})
"""


def kill(*servers: Server) -> None:
    """Kill servers, and start them again."""
    for server in servers:
        server.kill()
    time.sleep(AWAY)
    for server in servers:
        server.launch()
    for server in servers:
        server.wait()


def restart(server: Server) -> None:
    """Shut a server down in an orderly way, and start it again."""
    server.stop()
    server.start()


def pause(server: Server) -> None:
    """Pause a server, which looks like a very slow one, and continue it."""
    server.pause()
    time.sleep(PAUSED)
    server.resume()
    server.wait()


def fill(server: Server) -> None:
    """Let the broker take its memory for full: it accepts no publishing until that ends."""
    limit = ("rabbitmqctl", "--quiet", "set_vm_memory_high_watermark")
    server.control(*limit, "0.00001")
    time.sleep(PAUSED)
    server.control(*limit, "0.6")


OUTAGES: dict[str, Callable[[Servers], None]] = {
    "broker paused": lambda servers: pause(servers.rabbitmq),
    "database restarted": lambda servers: restart(servers.postgres),
    "both killed": lambda servers: kill(servers.rabbitmq, servers.postgres),
}
if report.IS_LONG:
    OUTAGES |= {
        "broker killed": lambda servers: kill(servers.rabbitmq),
        "database killed": lambda servers: kill(servers.postgres),
        "broker restarted": lambda servers: restart(servers.rabbitmq),
        "broker full": lambda servers: fill(servers.rabbitmq),
        "database paused": lambda servers: pause(servers.postgres),
    }


@pytest.mark.timeout(report.size(480, 1200))
def test_outages_lose_no_event_and_events_are_handled_again_soon(
    new_runner: NewRunner, servers: Servers
) -> None:
    runner = new_runner()
    workers = [runner.consumer(), runner.consumer()]
    driver = runner.driver(1_000_000, publishers=PUBLISHERS, pause=1.0)
    eventually("events are handled", lambda: is_flowing(runner, 0))
    recoveries = {name: recovery(runner, servers, outage) for name, outage in OUTAGES.items()}
    assert runner.terminate(driver) == 0
    verdict = checker.verdict(runner, patience=FORWARDED_WITHIN)
    for name, seconds in recoveries.items():
        report.note(name, verdict, recovery=seconds)
    assert verdict.is_clean, verdict
    assert [worker.poll() for worker in workers] == [None, None], (
        f"a worker ended:\n{runner.tail()}"
    )


def recovery(runner: Runner, servers: Servers, outage: Callable[[Servers], None]) -> float:
    """Cause an outage; return the seconds until an event of a later change was handled.

    After a kill, RabbitMQ 3.10 sometimes leaves a queue without a leader until its next restart
    (rabbitmq-server issue 10070), which its log shows. That is not a fault of the service, so the
    broker is restarted and the wait begins again. No event may be lost by it.
    """
    outage(servers)
    back = time.time()
    try:
        return eventually(FLOW, lambda: is_flowing(runner, back), within=RECOVERED_WITHIN)
    except DeadlineError:
        if "leader not known" not in servers.rabbitmq.log():
            raise
    restart(servers.rabbitmq)
    again = time.time()
    return eventually(FLOW, lambda: is_flowing(runner, again), within=RECOVERED_WITHIN)


def is_flowing(runner: Runner, since: float) -> bool:
    """Return whether an event of a change after this time was handled."""
    return checker.count(runner, FLOWING.format(since)) > 0
