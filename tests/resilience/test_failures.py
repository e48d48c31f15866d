"""Messages with failing handlers, and duplicate messages."""

from __future__ import annotations

import itertools
import subprocess
import time
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.resilience import amqp, checker, faulty_consumers, report
from tests.resilience.checker import Verdict
from tools.common.waiting import eventually

if TYPE_CHECKING:
    from tests.resilience.conftest import NewRunner
    from tests.resilience.runner import Runner
    from tools.servers.running import Servers

GOOD = report.size(300, 3_000)
DUPLICATED = report.size(100, 1_000)
DELAYS = (1, 16)
# The first delivery, and the redeliveries that the queue's limit allows.
DELIVERIES = 11


def poison_messages(name: str, count: int) -> list[dict[str, Any]]:
    """Return events for the handler with this fault."""
    return [amqp.event(faulty_consumers.event_type(name)) for _ in range(count)]


def test_five_copies_of_each_event_have_one_effect_with_three_workers(
    new_runner: NewRunner,
) -> None:
    runner = new_runner()
    workers = [runner.consumer() for _ in range(3)]
    verdict = duplicates(runner)
    report.note("duplicates, three workers", verdict, text="5 copies of each")
    assert verdict.duplicated == 0
    assert verdict.lost == 0
    assert all(worker.poll() is None for worker in workers)


def duplicates(runner: Runner) -> Verdict:
    """Publish each event five times, without other events, and count the effects."""
    sent = [amqp.event("user.registered.v1", user_id=str(uuid4())) for _ in range(DUPLICATED)]
    amqp.publish_copies(runner, sent, copies=5)
    queue = f"{runner.name}.consume_worker"
    eventually("the queue is empty", lambda: amqp.length(runner, queue) == 0)
    time.sleep(1)  # for messages in flight
    [counts] = checker.rows(
        runner, "SELECT count(*) AS effects, count(DISTINCT user_id) AS users FROM notifications"
    )
    return Verdict(len(sent), len(sent) - counts["users"], 0, counts["effects"] - counts["users"])


def drained(runner: Runner, *others: dict[str, Any] | bytes) -> float:
    """Give a worker a backlog of good messages with others among them; return its rate."""
    runner.terminate(runner.consumer())  # it declares the queues
    users = [str(uuid4()) for _ in range(GOOD)]
    good = [amqp.event("user.registered.v1", user_id=user) for user in users]
    step = GOOD // (len(others) + 1)
    mixed: list[dict[str, Any] | bytes] = [*good]
    for number, other in enumerate(others, 1):
        mixed.insert(step * number, other)
    amqp.publish(runner, *mixed)
    runner.worker()
    eventually(
        "all good messages are handled",
        lambda: checker.count(runner, "SELECT count(*) FROM notifications") >= GOOD,
    )
    [span] = checker.rows(
        runner,
        "SELECT extract(epoch FROM max(created_at) - min(created_at)) AS s FROM notifications",
    )
    return GOOD / float(span["s"])


def test_poison_messages_are_tried_as_often_as_configured_and_do_not_block_others(
    new_runner: NewRunner,
) -> None:
    alone = drained(new_runner())
    runner = new_runner(RABBITMQ_RETRY_DELAYS_SECONDS="[1, 2]", WORKER_HANDLER_TIMEOUT_SECONDS="1")
    raising = poison_messages("raises", 5)
    hanging = poison_messages("hangs", 5)
    garbage = [b"\xff\x00garbage", b"{}", b'{"id": 1}', b"[]", b""]
    rate = drained(runner, *raising, *hanging, *garbage)
    ends = len(raising) + len(hanging) + len(garbage)
    queue = f"{runner.name}.consume_worker.dead"
    eventually("all are dead letters", lambda: amqp.length(runner, queue) == ends)
    tries = Counter(line["event_id"] for line in runner.log_lines("tried"))
    assert tries == {it["id"]: 3 for it in (*raising, *hanging)}
    reasons = Counter(message.headers["x-reason"] for message in amqp.dead_letters(runner))
    assert reasons == {"exhausted": 10, "undecodable": 5}
    [effects] = checker.rows(
        runner, "SELECT count(*) AS n, count(DISTINCT user_id) AS users FROM notifications"
    )
    verdict = Verdict(GOOD, GOOD - effects["users"], 0, effects["n"] - effects["users"])
    text = f"good messages: {alone:.0f}/s alone, {rate:.0f}/s among poison messages"
    report.note("poison and undecodable messages", verdict, text=text)
    assert verdict.is_clean, verdict


def test_a_message_that_kills_its_worker_becomes_a_dead_letter_and_others_are_handled(
    new_runner: NewRunner,
) -> None:
    runner = new_runner(RABBITMQ_RETRY_DELAYS_SECONDS="[1, 2]")
    runner.terminate(runner.consumer())
    [poison] = poison_messages("kills", 1)
    users = [str(uuid4()) for _ in range(60)]
    good = [amqp.event("user.registered.v1", user_id=user) for user in users]
    amqp.publish(runner, *good[:30], poison, *good[30:])
    crashes = killed_workers(runner)
    [effects] = checker.rows(
        runner, "SELECT count(*) AS n, count(DISTINCT user_id) AS users FROM notifications"
    )
    dead = [message.message_id for message in amqp.dead_letters(runner)]
    verdict = Verdict(len(good), 60 - effects["users"], 0, effects["n"] - effects["users"])
    text = f"{len(dead)} dead letters"
    report.note("a message that kills its worker", verdict, crashes, text=text)
    assert poison["id"] in dead
    assert 1 < crashes <= DELIVERIES
    assert verdict.is_clean, verdict


def killed_workers(runner: Runner) -> int:
    """Start a new worker each time one is killed, until one survives; return the crashes."""
    for crashes in itertools.count():
        already = len(runner.log_lines("consuming"))
        worker = runner.worker()
        eventually(
            "a worker consumes or has ended",
            lambda worker=worker, already=already: (  # type: ignore[misc]
                worker.poll() is not None or len(runner.log_lines("consuming")) > already
            ),
        )
        try:
            assert runner.reap(worker, within=6) == -9, runner.tail()
        except subprocess.TimeoutExpired:
            return crashes
        assert crashes <= DELIVERIES, "more workers are killed than the delivery limit allows"
    raise AssertionError


def test_retries_are_delivered_when_due_also_across_a_restart_of_the_broker(
    new_runner: NewRunner, servers: Servers
) -> None:
    runner = new_runner(RABBITMQ_RETRY_DELAYS_SECONDS=str(list(DELAYS)))
    runner.consumer()
    failing = poison_messages("raises", 5)
    amqp.publish(runner, *failing)
    waiting = f"{runner.name}.consume_worker.retry.{DELAYS[-1]}s"
    eventually("all wait for the last attempt", lambda: amqp.length(runner, waiting) == 5)
    servers.rabbitmq.stop()
    servers.rabbitmq.start()
    tries = len(failing) * (len(DELAYS) + 1)
    eventually("all attempts were made", lambda: len(runner.log_lines("tried")) == tries)
    # Retries that fall due before the worker consumes again are delivered as soon as it does.
    again = seconds(runner.log_lines("consuming")[-1])
    late = [after - (max(due, again) if after > again else due) for due, after in waits(runner)]
    verdict = Verdict(len(failing), 0, 0, 0)
    text = f"{min(late):.2f} to {max(late):.2f} s after their due time"
    report.note("retries, broker restarted", verdict, text=text)
    assert len(late) == len(failing) * len(DELAYS)
    assert min(late) >= 0
    assert max(late) <= 1


def waits(runner: Runner) -> list[tuple[float, float]]:
    """Return for each retry the time it was due and the time it was delivered."""
    times = {
        (line["event_id"], line["attempt"]): seconds(line) for line in runner.log_lines("tried")
    }
    failures = runner.log_lines("event_failed")
    return [
        (seconds(line) + line["retry_in_seconds"], times[line["event_id"], line["attempt"] + 1])
        for line in failures
    ]


def seconds(line: dict[str, Any]) -> float:
    """Return the timestamp of a log line in seconds."""
    return datetime.fromisoformat(line["timestamp"]).timestamp()
