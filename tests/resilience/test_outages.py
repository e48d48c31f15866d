"""The broker and the database are killed, paused and restarted while events are published."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.resilience import checker, report

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.resilience.conftest import NewRig
    from tests.resilience.rig import Rig
    from tools.server import Server
    from tools.servers import Servers

PUBLISHERS = 50
AWAY = report.size(2, 20)
PAUSED = report.size(6, 30)
RECOVERED_WITHIN = 10
# A retry queue that hands a message over just when the broker is killed waits for the confirm as
# long as RabbitMQ's `dead_letter_worker_publisher_confirm_timeout` says, then does it again.
HANDED_OVER_WITHIN = 200
FLOWING = """
SELECT count(*) FROM users u JOIN notifications n ON n.user_id = u.id
WHERE u.created_at > to_timestamp({})
"""


def gone(*servers: Server) -> None:
    """Kill servers, and bring them back."""
    for server in servers:
        server.kill()
    time.sleep(AWAY)
    for server in servers:
        server.launch()
    for server in servers:
        server.wait()


def restarted(server: Server) -> None:
    """Shut a server down in its orderly way, and bring it back."""
    server.stop()
    server.start()


def silent(server: Server) -> None:
    """Freeze a server that nobody can tell from a slow one."""
    server.pause()
    time.sleep(PAUSED)
    server.resume()
    server.wait()


OUTAGES: dict[str, Callable[[Servers], None]] = {
    "broker paused": lambda servers: silent(servers.rabbitmq),
    "database restarted": lambda servers: restarted(servers.postgres),
    "both killed": lambda servers: gone(servers.rabbitmq, servers.postgres),
}
if report.IS_LONG:
    OUTAGES |= {
        "broker killed": lambda servers: gone(servers.rabbitmq),
        "database killed": lambda servers: gone(servers.postgres),
        "broker restarted": lambda servers: restarted(servers.rabbitmq),
        "database paused": lambda servers: silent(servers.postgres),
    }


@pytest.mark.timeout(report.size(480, 1200))
def test_outages_lose_nothing_and_events_flow_again_soon(new_rig: NewRig, servers: Servers) -> None:
    rig = new_rig()
    workers = [rig.consumer(), rig.consumer()]
    driver = rig.driver(1_000_000, publishers=PUBLISHERS, pause=1.0)
    checker.eventually("events flow", lambda: is_flowing(rig, 0))
    recoveries = {name: recovery(rig, servers, outage) for name, outage in OUTAGES.items()}
    assert rig.terminate(driver) == 0
    verdict = checker.verdict(rig, patience=HANDED_OVER_WITHIN)
    for name, seconds in recoveries.items():
        report.note(name, verdict, recovery=seconds)
    assert verdict.is_clean, verdict
    assert max(recoveries.values()) < RECOVERED_WITHIN, recoveries
    assert [worker.poll() for worker in workers] == [None, None], f"a worker ended:\n{rig.tail()}"


def recovery(rig: Rig, servers: Servers, outage: Callable[[Servers], None]) -> float:
    """Return how long after an outage the first event of a later change was handled.

    After a kill, old brokers now and then leave a queue without a leader, and only another restart
    helps (rabbitmq-server issue 10070, seen with 3.10). The broker's log says so; it is not counted
    against the service, which must not lose anything by it either.
    """
    outage(servers)
    back = time.time()
    try:
        return checker.eventually("events flow again", lambda: is_flowing(rig, back), within=20)
    except AssertionError:
        if "leader not known" not in servers.rabbitmq.log():
            raise
    restarted(servers.rabbitmq)
    again = time.time()
    return checker.eventually("events flow again", lambda: is_flowing(rig, again))


def is_flowing(rig: Rig, since: float) -> bool:
    """Tell whether events of changes made after a moment have been handled."""
    return checker.count(rig, FLOWING.format(since)) > 0
