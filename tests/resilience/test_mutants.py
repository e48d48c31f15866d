"""Mutants: copies of the source with a deliberate fault, which the checker must detect."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.resilience import amqp, checker, report
from tests.resilience.test_failures import duplicates, poison_messages
from tools.common.files import replace_once
from tools.common.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.resilience.conftest import NewRunner
    from tests.resilience.runner import Runner

CONSUMER = "src/repositories/rabbitmq/consumer.py"
WRITER = "src/repositories/outbox/writer.py"
INBOX = "src/repositories/outbox/inbox.py"
HANDLE = "        async with asyncio.timeout(self.handler_timeout_seconds):\n"
NEXT = "\n    async def _handle_redelivered("
ACK = "        await message.ack()\n" + NEXT
RETRY = "            await failures.retry(self.declarer.topology, message, error)\n"
STORED = "            self.has_events = True\n"
CLAIM = "        return result.rowcount == 1\n"
TRIES = 2
BYPASS = """            import orjson
            from aio_pika import Message
            from src.container import build_container, load_settings
            from src.wiring import Job

            relay = build_container(load_settings()).resolve(Job)
            async with relay.broker.channel("mutant") as channel:
                exchange = await channel.get_exchange(relay.declarer.topology.exchange)
                for row in values["events"]:
                    body = orjson.dumps(row["envelope"])
                    await exchange.publish(Message(body), row["event_type"])
"""


def killed_while_handling(runner: Runner) -> checker.Verdict:
    """Kill a worker that has received messages and cannot commit their effects yet."""
    runner.produce(20)
    with checker.locked(runner, "notifications"):
        worker = runner.worker()
        eventually(
            "all are published",
            lambda: checker.count(runner, "SELECT count(*) FROM outbox_messages") == 0,
        )
        time.sleep(0.5)
        runner.kill(worker)
    runner.consumer()
    return checker.verdict(runner, patience=3)


def test_an_ack_before_the_commit_is_detected_as_lost_events(
    new_runner: NewRunner, changed: Path
) -> None:
    early = "        await message.ack()\n"
    replace_once(changed / CONSUMER, (ACK, NEXT), (HANDLE, early + HANDLE))
    verdict = killed_while_handling(new_runner(changed))
    report.mutant("ack before commit", verdict)
    assert verdict.lost > 0


def test_publishing_before_the_commit_is_detected_as_uncommitted_events(
    new_runner: NewRunner, changed: Path
) -> None:
    replace_once(changed / WRITER, (STORED, STORED + BYPASS))
    runner = new_runner(changed)
    runner.produce(20)
    runner.consumer()
    verdict = checker.verdict(runner)
    report.mutant("publish before commit", verdict)
    assert verdict.uncommitted > 0


def test_a_worker_without_an_inbox_is_detected_as_duplicated_effects(
    new_runner: NewRunner, changed: Path
) -> None:
    replace_once(changed / INBOX, (CLAIM, "        return True\n"))
    runner = new_runner(changed)
    for _ in range(3):
        runner.consumer()
    verdict = duplicates(runner)
    report.mutant("no inbox", verdict)
    assert verdict.duplicated > 0


def test_a_requeue_instead_of_the_retry_queue_is_detected_as_extra_attempts(
    new_runner: NewRunner, changed: Path
) -> None:
    requeue = "            await message.nack(requeue=True)\n            return\n"
    replace_once(changed / CONSUMER, (RETRY, requeue))
    runner = new_runner(changed, RABBITMQ_RETRY_DELAYS_SECONDS="[1]")  # one attempt more
    runner.consumer()
    amqp.publish(runner, *poison_messages("raises", 1))
    enough = "the message was tried more often than configured"
    eventually(enough, lambda: len(runner.log_lines("tried")) > TRIES)
    tries = len(runner.log_lines("tried"))
    dead = len(amqp.dead_letters(runner))
    text = f"{tries} attempts instead of {TRIES}, {dead} dead letters"
    report.mutant("requeue without delay", text)
