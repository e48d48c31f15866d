"""kill -9 of every kind of process, at random and at each step in between."""

from __future__ import annotations

import itertools
import random
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.resilience import checker, poison, report

if TYPE_CHECKING:
    from pathlib import Path

    from tests.resilience.conftest import NewRig
    from tests.resilience.rig import Rig
    from tools.reaper import Child

KILLS = report.size(10, 100)
EVENTS = report.size(1_000, 20_000)
DRIVERS = 2

# A process dies where it reaches the step that CRASH_AT names: (file, the line before which).
STEPS = {
    "before the change is committed": (
        "src/repositories/db/unit_of_work.py",
        "        async with self._cache.writing(",
    ),
    "between commit and notify": (
        "src/repositories/db/unit_of_work.py",
        "        if self._outbox.has_events:\n            self._notifier.announce()\n",
    ),
    "before the event is published": (
        "src/repositories/rabbitmq/relay.py",
        "    try:\n        await exchange.publish(",
    ),
    "between confirm and the relay's commit": (
        "src/repositories/db/outbox.py",
        "            if published:\n",
    ),
    "after the relay's commit": (
        "src/repositories/rabbitmq/relay.py",
        "                await self.listener.wait(notify.POLL_SECONDS)\n",
    ),
    "before the event is handled": (
        "src/repositories/rabbitmq/consumer.py",
        "        async with asyncio.timeout(self.handler_timeout_seconds):\n",
    ),
    "before the effect is committed": (
        "src/usecases/welcome_user.py",
        "                await uow.commit()\n",
    ),
    "between the effect's commit and ack": (
        "src/repositories/rabbitmq/consumer.py",
        "        await message.ack()\n\n    async def _handle_suspect(",
    ),
}
CRASH = '__import__("src.crash").crash.at({!r})\n'
CRASH_MODULE = """import os, signal

def at(step):
    if os.environ.get("CRASH_AT") == step:
        os.kill(os.getpid(), signal.SIGKILL)
"""


class Swarm:
    """Processes that are started again whenever they are killed."""

    def __init__(self, rig: Rig) -> None:
        """Start three workers, an API process and those who commit."""
        self.rig = rig
        self.workers = [rig.worker() for _ in range(3)]
        self.drivers = [self.driver() for _ in range(DRIVERS)]
        self.api, self.url = rig.api()
        self.killed = self.registered = 0
        self.has_answered = False
        self.is_over = threading.Event()

    def driver(self) -> Child:
        """Commit in the background; a driver that is killed is replaced by one that goes on."""
        left = max(EVENTS - len(self.rig.acknowledged()), 0)
        return self.rig.driver(left // DRIVERS + 10, publishers=10, pause=0.05)

    @property
    def is_done(self) -> bool:
        """Tell whether enough has happened."""
        enough = self.killed >= KILLS and self.registered >= KILLS
        return enough and len(self.rig.acknowledged()) >= EVENTS

    def kill_one(self) -> None:
        """Kill anyone, and start another in its place."""
        victim = random.choice(["worker", "worker", "worker", "api", "driver"])  # noqa: S311
        if victim == "api" and self.has_answered:
            self.rig.kill(self.api)
            self.has_answered = False
            self.api, self.url = self.rig.api()
        elif victim == "driver":
            index = random.randrange(DRIVERS)  # noqa: S311
            self.rig.kill(self.drivers[index])
            self.drivers[index] = self.driver()
        else:
            index = random.randrange(len(self.workers))  # noqa: S311
            self.rig.kill(self.workers[index])
            self.workers[index] = self.rig.worker()
        self.killed += 1

    def register(self) -> None:
        """Register through HTTP until it is over; what fails may or may not have happened."""
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
def test_a_swarm_of_kills_loses_nothing_and_doubles_nothing(new_rig: NewRig) -> None:
    rig = new_rig()
    swarm = Swarm(rig)
    clients = threading.Thread(target=swarm.register)
    clients.start()
    try:
        while not swarm.is_done:
            time.sleep(random.uniform(0.5, 1.5))  # noqa: S311
            swarm.kill_one()
    finally:
        swarm.is_over.set()
        clients.join()
    for driver in swarm.drivers:
        rig.terminate(driver)
    verdict = checker.verdict(rig)
    text = f"{swarm.registered} of them through HTTP"
    report.note("kill -9 swarm", verdict, swarm.killed, text=text)
    assert verdict.is_clean, verdict
    assert verdict.events >= EVENTS


@pytest.fixture
def crashing(changed: Path) -> Path:
    """The service with a named crash point at every step."""
    (changed / "src/crash.py").write_text(CRASH_MODULE)
    for step, (file, line) in STEPS.items():
        indent = line[: len(line) - len(line.lstrip())]
        poison.replace(changed / file, (line, indent + CRASH.format(step) + line))
    return changed


def test_a_death_at_any_step_loses_nothing_and_doubles_nothing(
    new_rig: NewRig, crashing: Path
) -> None:
    rig = new_rig(crashing)
    background = rig.driver(1_000_000, publishers=2, pause=0.2)
    for step in STEPS:
        # The first two are steps of those who commit, the others of the worker.
        commits = step in list(STEPS)[:2]
        dying = rig.driver(20, CRASH_AT=step) if commits else rig.worker(CRASH_AT=step)
        assert rig.reap(dying) == -9, f"nothing died {step}:\n{rig.tail()}"
    rig.terminate(background)
    rig.consumer()
    verdict = checker.verdict(rig)
    report.note("kill -9 at each step", verdict, len(STEPS))
    assert verdict.is_clean, verdict
