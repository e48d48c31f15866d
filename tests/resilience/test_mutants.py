"""Each promise broken on purpose, in a copy of the source: the checker must notice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.resilience import amqp, checker, poison, report
from tests.resilience.test_failures import duplicates, poisons

if TYPE_CHECKING:
    from pathlib import Path

    from tests.resilience.conftest import NewRig
    from tests.resilience.rig import Rig

CONSUMER = "src/repositories/rabbitmq/consumer.py"
EVENTS = "src/repositories/db/events.py"
UNIT_OF_WORK = "src/repositories/db/unit_of_work.py"
HANDLE = "        async with asyncio.timeout(self.handler_timeout_seconds):\n"
NEXT = "\n    async def _handle_suspect("
ACK = "        await message.ack()\n" + NEXT
RETRY = "            await retry(self.topology, message, error)\n"
STORED = "        self.has_events |= bool(events)\n"
CLAIM = "        return result.rowcount == 1\n"
BYPASS = """        import orjson
        from aio_pika import Message
        from src.config import load_settings
        from src.container import build_container
        from src.wiring import Job

        relay = build_container(load_settings()).resolve(Job)
        async with relay.broker.channel("mutant") as channel:
            exchange, _ = await relay.topology.declare(channel)
            for row in events:
                body = orjson.dumps(row["envelope"])
                await exchange.publish(Message(body), row["event_type"])
"""


def killed_while_handling(rig: Rig) -> checker.Verdict:
    """Kill a worker that has taken messages and cannot yet commit their effects."""
    rig.produce(20)
    with checker.locked(rig, "notifications"):
        worker = rig.worker()
        checker.eventually(
            "all are published",
            lambda: checker.count(rig, "SELECT count(*) FROM outbox_messages") == 0,
        )
        time.sleep(0.5)
        rig.kill(worker)
    rig.consumer()
    return checker.verdict(rig, patience=3)


def test_an_ack_before_the_commit_is_noticed(new_rig: NewRig, changed: Path) -> None:
    early = "        await message.ack()\n"
    poison.replace(changed / CONSUMER, (ACK, NEXT), (HANDLE, early + HANDLE))
    verdict = killed_while_handling(new_rig(changed))
    report.mutant("ack before commit", verdict)
    assert verdict.lost > 0


def test_a_publish_before_the_commit_is_noticed(new_rig: NewRig, changed: Path) -> None:
    poison.replace(changed / EVENTS, (STORED, BYPASS + STORED))
    rig = new_rig(changed)
    rig.produce(20)
    rig.consumer()
    verdict = checker.verdict(rig)
    report.mutant("publish before commit", verdict)
    assert verdict.ghosts > 0


def test_a_worker_without_an_inbox_is_noticed(new_rig: NewRig, changed: Path) -> None:
    poison.replace(changed / UNIT_OF_WORK, (CLAIM, "        return True\n"))
    rig = new_rig(changed)
    for _ in range(3):
        rig.consumer()
    verdict = duplicates(rig)
    report.mutant("no inbox", verdict)
    assert verdict.doubled > 0


def test_a_requeue_in_place_of_the_retry_queue_is_noticed(new_rig: NewRig, changed: Path) -> None:
    requeue = "            await message.nack(requeue=True)\n            return\n"
    poison.replace(changed / CONSUMER, (RETRY, requeue))
    rig = new_rig(changed, RABBITMQ_RETRY_DELAYS_SECONDS="[1]")
    rig.consumer()
    amqp.publish(rig, *poisons("raises", 1))
    time.sleep(3)
    tries, dead = len(rig.told("tried")), len(amqp.dead(rig))
    report.mutant("requeue without delay", f"{tries} tries in place of 2, {dead} dead letters")
    assert tries > 2
