"""Messages that fail, and messages that come twice."""

from __future__ import annotations

import itertools
import subprocess
import time
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.resilience import amqp, checker, poison, report
from tests.resilience.checker import Verdict

if TYPE_CHECKING:
    from tests.resilience.conftest import NewRig
    from tests.resilience.rig import Rig
    from tools.servers import Servers

GOOD = report.size(300, 3_000)
DUPLICATED = report.size(100, 1_000)
DELAYS = (1, 16)
# The first delivery, and as many more as the queue's limit allows at most.
DELIVERIES = 11


def poisons(name: str, count: int) -> list[dict[str, Any]]:
    """Make events whose handler misbehaves."""
    return [amqp.event(poison.event_type(name)) for _ in range(count)]


def test_duplicates_sent_at_once_to_three_workers_have_one_effect_each(new_rig: NewRig) -> None:
    rig = new_rig()
    workers = [rig.consumer() for _ in range(3)]
    verdict = duplicates(rig)
    report.note("duplicates, three workers", verdict, text="5 copies of each")
    assert verdict.doubled == 0
    assert verdict.lost == 0
    assert all(worker.poll() is None for worker in workers)


def duplicates(rig: Rig) -> Verdict:
    """Send each event five times to a rig without other events, and count the effects."""
    sent = [amqp.event("user.registered.v1", user_id=str(uuid4())) for _ in range(DUPLICATED)]
    amqp.publish_copies(rig, sent, copies=5)
    queue = f"{rig.name}.consume_worker"
    checker.eventually("the queue is empty", lambda: amqp.length(rig, queue) == 0)
    time.sleep(1)  # for those in flight
    [seen] = checker.rows(
        rig, "SELECT count(*) AS effects, count(DISTINCT user_id) AS users FROM notifications"
    )
    return Verdict(len(sent), len(sent) - seen["users"], 0, seen["effects"] - seen["users"])


def drained(rig: Rig, *others: dict[str, Any] | bytes) -> float:
    """Hand a worker a backlog of good messages with others among them; return its rate."""
    rig.terminate(rig.consumer())  # which declares the queues
    users = [str(uuid4()) for _ in range(GOOD)]
    good = [amqp.event("user.registered.v1", user_id=user) for user in users]
    step = GOOD // (len(others) + 1)
    mixed: list[dict[str, Any] | bytes] = [*good]
    for number, other in enumerate(others, 1):
        mixed.insert(step * number, other)
    amqp.publish(rig, *mixed)
    rig.worker()
    checker.eventually(
        "all good messages are handled",
        lambda: checker.count(rig, "SELECT count(*) FROM notifications") >= GOOD,
    )
    [span] = checker.rows(
        rig, "SELECT extract(epoch FROM max(created_at) - min(created_at)) AS s FROM notifications"
    )
    return GOOD / float(span["s"])


def test_poison_is_tried_exactly_as_often_as_configured_and_good_messages_pass(
    new_rig: NewRig,
) -> None:
    alone = drained(new_rig())
    rig = new_rig(RABBITMQ_RETRY_DELAYS_SECONDS="[1, 2]", WORKER_HANDLER_TIMEOUT_SECONDS="1")
    raising, hanging = poisons("raises", 5), poisons("hangs", 5)
    garbage = [b"\xff\x00garbage", b"{}", b'{"id": 1}', b"[]", b""]
    rate = drained(rig, *raising, *hanging, *garbage)
    ends = len(raising) + len(hanging) + len(garbage)
    queue = f"{rig.name}.consume_worker.dead"
    checker.eventually("all are dead letters", lambda: amqp.length(rig, queue) == ends)
    tries = Counter(line["event_id"] for line in rig.told("tried"))
    assert tries == {it["id"]: 3 for it in (*raising, *hanging)}
    reasons = Counter(message.headers["x-reason"] for message in amqp.dead(rig))
    assert reasons == {"exhausted": 10, "undecodable": 5}
    [effects] = checker.rows(
        rig, "SELECT count(*) AS n, count(DISTINCT user_id) AS users FROM notifications"
    )
    verdict = Verdict(GOOD, GOOD - effects["users"], 0, effects["n"] - effects["users"])
    text = f"good messages: {alone:.0f}/s alone, {rate:.0f}/s among poison"
    report.note("poison and garbage", verdict, text=text)
    assert verdict.is_clean, verdict


def test_poison_that_kills_its_worker_ends_as_a_dead_letter_and_harms_no_other(
    new_rig: NewRig,
) -> None:
    rig = new_rig(RABBITMQ_RETRY_DELAYS_SECONDS="[1, 2]")
    rig.terminate(rig.consumer())
    [killer] = poisons("kills", 1)
    users = [str(uuid4()) for _ in range(60)]
    good = [amqp.event("user.registered.v1", user_id=user) for user in users]
    amqp.publish(rig, *good[:30], killer, *good[30:])
    deaths = killed_workers(rig)
    [effects] = checker.rows(
        rig, "SELECT count(*) AS n, count(DISTINCT user_id) AS users FROM notifications"
    )
    dead = [message.message_id for message in amqp.dead(rig)]
    verdict = Verdict(len(good), 60 - effects["users"], 0, effects["n"] - effects["users"])
    text = f"{len(dead)} dead letters"
    report.note("poison that kills its worker", verdict, deaths, text=text)
    assert killer["id"] in dead
    assert 1 < deaths <= DELIVERIES
    assert verdict.is_clean, verdict


def killed_workers(rig: Rig) -> int:
    """Start a worker again each time one is killed, until one lives."""
    for deaths in itertools.count():
        already = len(rig.told("consuming"))
        worker = rig.worker()
        checker.eventually(
            "a worker consumes or is dead",
            lambda worker=worker, already=already: (  # type: ignore[misc]
                worker.poll() is not None or len(rig.told("consuming")) > already
            ),
        )
        try:
            assert rig.reap(worker, within=6) == -9, rig.tail()
        except subprocess.TimeoutExpired:
            return deaths
        assert deaths <= DELIVERIES, "workers are killed without end"
    raise AssertionError


def test_retries_come_when_they_are_due_also_across_a_broker_restart(
    new_rig: NewRig, servers: Servers
) -> None:
    rig = new_rig(RABBITMQ_RETRY_DELAYS_SECONDS=str(list(DELAYS)))
    rig.consumer()
    failing = poisons("raises", 5)
    amqp.publish(rig, *failing)
    waiting = f"{rig.name}.consume_worker.retry.{DELAYS[-1]}s"
    checker.eventually("all wait for the last try", lambda: amqp.length(rig, waiting) == 5)
    servers.rabbitmq.stop()
    servers.rabbitmq.start()
    tries = len(failing) * (len(DELAYS) + 1)
    checker.eventually("all are tried", lambda: len(rig.told("tried")) == tries)
    # What falls due before the worker consumes again comes as soon as it does.
    again = seconds(rig.told("consuming")[-1])
    late = [after - (max(due, again) if after > again else due) for due, after in waits(rig)]
    verdict = Verdict(len(failing), 0, 0, 0)
    text = f"{min(late):.2f} to {max(late):.2f} s after their due time"
    report.note("retries, broker restarted", verdict, text=text)
    assert len(late) == len(failing) * len(DELAYS)
    assert min(late) >= 0
    assert max(late) <= 1


def waits(rig: Rig) -> list[tuple[float, float]]:
    """Say of each retry when it was due, and when it came."""
    times = {(line["event_id"], line["attempt"]): seconds(line) for line in rig.told("tried")}
    failures = rig.told("event_failed")
    return [
        (seconds(it) + it["retry_in_seconds"], times[it["event_id"], it["attempt"] + 1])
        for it in failures
    ]


def seconds(line: dict[str, Any]) -> float:
    """Read the time of a line of the log."""
    return datetime.fromisoformat(line["timestamp"]).timestamp()
