from dataclasses import dataclass

from structlog.typing import EventDict

from src.usecases.operations.purge_expired import PurgeExpired
from src.usecases.ports.purge import PurgeStep


@dataclass
class FakeStep(PurgeStep):
    """A purge step that deletes at most two rows at a time."""

    name: str
    expired: int

    async def purge(self) -> int:
        purged = min(self.expired, 2)
        self.expired -= purged
        return purged


async def test_every_step_runs() -> None:
    steps = [FakeStep("orders", 1), FakeStep("drafts", 3)]

    await PurgeExpired([*steps]).execute()

    assert [step.expired for step in steps] == [0, 1]


async def test_the_result_tells_whether_there_may_be_more_to_delete() -> None:
    purge_expired = PurgeExpired([FakeStep("orders", 3), FakeStep("drafts", 0)])

    assert [await purge_expired.execute() for _ in range(3)] == [True, True, False]


async def test_the_number_of_deleted_rows_of_each_step_is_logged(
    log_lines: list[EventDict],
) -> None:
    purge_expired = PurgeExpired([FakeStep("orders", 1), FakeStep("drafts", 0)])

    for _ in range(2):  # the second time there is nothing to delete, and nothing to log
        await purge_expired.execute()

    assert log_lines == [{"event": "expired_purged", "orders": 1, "drafts": 0, "log_level": "info"}]
