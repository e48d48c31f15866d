"""SIGTERM under load: the worker finishes its messages and exits with code 0."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.resilience import amqp, checker, faulty_consumers, report

if TYPE_CHECKING:
    from tests.resilience.conftest import NewRunner

STOPS = report.size(3, 50)


@pytest.mark.timeout(report.size(120, 900))
def test_a_worker_finishes_the_messages_it_has_begun_after_sigterm(new_runner: NewRunner) -> None:
    runner = new_runner()
    driver = runner.driver(1_000_000, publishers=20, pause=0.5)
    codes = []
    for _ in range(STOPS):
        worker = runner.consumer()
        # Their handlers take half a second: some always run when the signal arrives.
        amqp.publish(runner, *(amqp.event(faulty_consumers.event_type("slow")) for _ in range(20)))
        time.sleep(random.uniform(0, 0.4))  # noqa: S311
        codes.append(runner.terminate(worker))
    assert runner.terminate(driver) == 0
    # An attempt without an ack would be made again. Messages that the worker had received but not
    # begun are redelivered too: once as redelivered messages, and once more as their copies.
    begun = Counter((line["event_id"], line["attempt"]) for line in runner.log_lines("tried"))
    finished = Counter((line["event_id"], line["attempt"]) for line in runner.log_lines("finished"))
    runner.consumer()
    verdict = checker.verdict(runner)
    text = f"{begun.total()} slow handlers begun, {finished.total()} finished"
    report.note("SIGTERM under load", verdict, STOPS, text=text)
    assert codes == [0] * STOPS
    assert begun == finished
    assert begun.total() > 0
    assert max(begun.values()) == 1, "a finished attempt was made again"
    assert verdict.is_clean, verdict
