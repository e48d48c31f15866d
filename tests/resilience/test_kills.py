"""SIGKILL of every kind of process, at random and at each step of an event's way."""

from __future__ import annotations

import itertools
import random
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.resilience import checker, report
from tools.common.files import replace_once

if TYPE_CHECKING:
    from pathlib import Path

    from tests.resilience.conftest import NewRunner
    from tests.resilience.runner import Runner
    from tools.common.processes import Child

KILLS = report.size(10, 100)
EVENTS = report.size(1_000, 20_000)
DRIVERS = 2

# A process is killed at the step that CRASH_AT names: step: (file, the line that follows).
STEPS = {
    "before the change is committed": (
        "src/repositories/unit_of_work.py",
        "        async with self._cache.invalidating(",
    ),
    "between commit and notify": (
        "src/repositories/unit_of_work.py",
        "        if self._outbox.has_events:\n            self._notifier.notify()\n",
    ),
    "before the event is published": (
        "src/repositories/rabbitmq/relay.py",
        "    try:\n        await exchange.publish(",
    ),
    "between confirm and the relay's commit": (
        "src/repositories/outbox/reader.py",
        '        await transaction.execute_without_events(DELETE, {"sequences": published})\n',
    ),
    "after the relay's commit": (
        "src/repositories/rabbitmq/relay.py",
        '                log.info("events_published", count=published)\n',
    ),
    "before the event is handled": (
        "src/repositories/rabbitmq/consumer.py",
        "        async with asyncio.timeout(self.handler_timeout_seconds):\n",
    ),
    "before the effect is committed": (
        "src/consumers/dispatcher.py",
        "                await uow.commit()\n",
    ),
    "between the effect's commit and ack": (
        "src/repositories/rabbitmq/consumer.py",
        "        await message.ack()\n\n    async def _handle_redelivered(",
    ),
}
CRASH = '__import__("src.crash").crash.at({!r})\n'
CRASH_MODULE = """import os, signal

def at(step):
    if os.environ.get("CRASH_AT") == step:
        os.kill(os.getpid(), signal.SIGKILL)
"""


class ProcessGroup:
    """Workers, drivers and an API; each process that is killed is replaced."""

    def __init__(self, runner: Runner) -> None:
        """Start three workers, an API process and the drivers."""
        self.runner = runner
        self.workers = [runner.worker() for _ in range(3)]
        self.drivers = [self.driver() for _ in range(DRIVERS)]
        self.api, self.url = runner.api()
        self.killed = 0
        self.registered = 0
        self.has_answered = False
        self.is_over = threading.Event()

    def driver(self) -> Child:
        """Start a driver that makes the remaining commits."""
        left = max(EVENTS - len(self.runner.acknowledged()), 0)
        return self.runner.driver(left // DRIVERS + 10, publishers=10, pause=0.05)

    @property
    def is_done(self) -> bool:
        """Whether there were enough kills, registrations and commits."""
        enough = self.killed >= KILLS and self.registered >= KILLS
        return enough and len(self.runner.acknowledged()) >= EVENTS

    def kill_one(self) -> None:
        """Kill a random process, and start another in its place."""
        victim = random.choice(["worker", "worker", "worker", "api", "driver"])  # noqa: S311
        if victim == "api" and self.has_answered:
            self.runner.kill(self.api)
            self.has_answered = False
            self.api, self.url = self.runner.api()
        elif victim == "driver":
            index = random.randrange(DRIVERS)  # noqa: S311
            self.runner.kill(self.drivers[index])
            self.drivers[index] = self.driver()
        else:
            index = random.randrange(len(self.workers))  # noqa: S311
            self.runner.kill(self.workers[index])
            self.workers[index] = self.runner.worker()
        self.killed += 1

    def register(self) -> None:
        """Register through HTTP until the end. A failed request may still have been committed."""
        with httpx2.Client(timeout=5, trust_env=False) as client:
            for number in itertools.count():
                if self.is_over.wait(0.1):
                    return
                user = {"email": f"http-{number}@example.com", "password": "a-long-enough-pass-7"}
                with suppress(httpx2.HTTPError):
                    answer = client.post(f"{self.url}/api/v1/auth/register", json=user)
                    self.has_answered = answer.status_code == httpx2.codes.CREATED
                    self.registered += self.has_answered


@pytest.mark.timeout(report.size(180, 1800))
def test_random_kills_of_all_processes_lose_no_event_and_duplicate_no_effect(
    new_runner: NewRunner,
) -> None:
    runner = new_runner()
    group = ProcessGroup(runner)
    clients = threading.Thread(target=group.register)
    clients.start()
    try:
        while not group.is_done:
            time.sleep(random.uniform(0.5, 1.5))  # noqa: S311
            group.kill_one()
    finally:
        group.is_over.set()
        clients.join()
    for driver in group.drivers:
        runner.terminate(driver)
    verdict = checker.verdict(runner)
    text = f"{group.registered} of them through HTTP"
    report.note("random SIGKILL", verdict, group.killed, text=text)
    assert verdict.is_clean, verdict
    assert verdict.events >= EVENTS


@pytest.fixture
def crashing(changed: Path) -> Path:
    """The service with a named crash point at every step."""
    (changed / "src/crash.py").write_text(CRASH_MODULE)
    for step, (file, line) in STEPS.items():
        indent = line[: len(line) - len(line.lstrip())]
        replace_once(changed / file, (line, indent + CRASH.format(step) + line))
    return changed


def test_a_kill_at_any_step_loses_no_event_and_duplicates_no_effect(
    new_runner: NewRunner, crashing: Path
) -> None:
    runner = new_runner(crashing)
    background = runner.driver(1_000_000, publishers=2, pause=0.2)
    for step in STEPS:
        # The first two are steps of a driver, the others of a worker.
        commits = step in list(STEPS)[:2]
        process = runner.driver(20, CRASH_AT=step) if commits else runner.worker(CRASH_AT=step)
        assert runner.reap(process) == -9, f"no process was killed {step}:\n{runner.tail()}"
    runner.terminate(background)
    runner.consumer()
    verdict = checker.verdict(runner)
    report.note("SIGKILL at each step", verdict, len(STEPS))
    assert verdict.is_clean, verdict
