"""SIGTERM under load: what is in flight is finished, and the exit is clean."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.resilience import amqp, checker, poison, report

if TYPE_CHECKING:
    from tests.resilience.conftest import NewRig

STOPS = report.size(3, 50)


@pytest.mark.timeout(report.size(120, 900))
def test_a_worker_that_is_told_to_stop_finishes_what_it_has_begun(new_rig: NewRig) -> None:
    rig = new_rig()
    driver = rig.driver(1_000_000, publishers=20, pause=0.5)
    codes = []
    for _ in range(STOPS):
        worker = rig.consumer()
        # Their handlers take half a second: some are always at work when the signal comes.
        amqp.publish(rig, *(amqp.event(poison.event_type("slow")) for _ in range(20)))
        time.sleep(random.uniform(0, 0.4))  # noqa: S311
        codes.append(rig.terminate(worker))
    assert rig.terminate(driver) == 0
    # An attempt whose end the broker was not told of would be made again. What it had on its way
    # when the worker left comes again, too, never begun: as a suspect, and once more as its copy.
    begun = Counter((line["event_id"], line["attempt"]) for line in rig.told("tried"))
    finished = Counter((line["event_id"], line["attempt"]) for line in rig.told("finished"))
    rig.consumer()
    verdict = checker.verdict(rig)
    text = f"{begun.total()} slow handlers begun, {finished.total()} finished"
    report.note("SIGTERM under load", verdict, STOPS, text=text)
    assert codes == [0] * STOPS
    assert begun == finished
    assert begun.total() > 0
    assert max(begun.values()) == 1, "an attempt that had finished came again"
    assert verdict.is_clean, verdict
