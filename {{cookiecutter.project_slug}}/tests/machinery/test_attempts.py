import asyncio

import pytest
from structlog.testing import capture_logs

from src.utils import attempts


def test_a_refusal_is_logged_again_only_after_it_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refusals = attempts.RefusalLog("server")
    with capture_logs() as lines:
        for text in ("one (1)", "one (2)", "other (3)", "one (4)"):
            refusals.refused(text)
        assert [line["error"] for line in lines] == ["one (1)", "other (3)"]
        monkeypatch.setattr(attempts, "ENDED_SECONDS", 0.0)
        refusals.refused("one (5)")
    assert len(lines) == 3


async def test_a_stop_ends_a_pause() -> None:
    stop = asyncio.Event()
    pausing = asyncio.create_task(attempts.pause(stop, 3600))
    await asyncio.sleep(0)
    stop.set()
    async with asyncio.timeout(60):
        await pausing
