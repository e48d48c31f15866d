"""How the Argon2 adapter uses its thread pool. The Argon2 library is recorded or blocked."""

import asyncio
import os
import sys
import threading

import pytest

from src.usecases.ports.password_hasher import HashingBusyError
from src.utils.security.passwords import NICENESS, lower_priority
from tests.support.passwords import argon2_hasher, block_argon2, record_argon2
from tests.support.waiting import eventually

PASSWORD = "correct horse battery staple"


async def test_passwords_are_hashed_in_threads_of_the_pool() -> None:
    hasher = argon2_hasher()
    outdated_hash = await argon2_hasher(passes=2).hash(PASSWORD)
    recorder = record_argon2(hasher)

    await hasher.hash(PASSWORD)
    await hasher.verify(outdated_hash, PASSWORD)
    await hasher.verify(None, PASSWORD)
    await hasher.rehash(outdated_hash, PASSWORD)

    assert len(recorder.thread_ids) == 4
    assert threading.get_native_id() not in recorder.thread_ids


async def test_the_event_loop_keeps_running_while_argon2_computes_a_hash() -> None:
    """The loop wakes up many times in one hash, so Argon2 does not hold Python's global lock.

    On a busy machine a hash may end too early for that, so the test tries up to 50 hashes.
    """
    hasher = argon2_hasher(memory_kib=65_536, passes=2)
    recorder = record_argon2(hasher)

    async def turns_during_one_hash() -> int:
        turns = 0
        hashing = asyncio.create_task(hasher.hash(PASSWORD))
        while not hashing.done():
            await asyncio.sleep(0.001)
            turns += recorder.is_hashing
        return turns

    for _ in range(50):
        if await turns_during_one_hash() > 20:
            return
    pytest.fail("the event loop did not run while a hash was computed")


async def test_calls_beyond_the_queue_are_refused_at_once_and_places_become_free_again() -> None:
    hasher = argon2_hasher(threads=1, queue=2)
    library = block_argon2(hasher)
    calls = [asyncio.create_task(hasher.verify("a hash", PASSWORD)) for _ in range(8)]
    accepted = calls[:3]
    refused = calls[3:]

    outcomes = await asyncio.gather(*refused, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [HashingBusyError] * 5
    assert not any(call.done() for call in accepted)

    library.opened.set()
    assert await asyncio.gather(*accepted) == [True] * 3
    assert await hasher.verify("a hash", PASSWORD)


async def test_cancelled_calls_free_their_places() -> None:
    hasher = argon2_hasher(threads=1, queue=1)
    library = block_argon2(hasher)

    def fill() -> list[asyncio.Task[bool]]:
        return [asyncio.create_task(hasher.verify("a hash", PASSWORD)) for _ in range(2)]

    async def all_places_are_free() -> bool:
        return await asyncio.gather(*fill(), return_exceptions=True) == [True, True]

    for _ in range(3):
        library.opened.clear()
        calls = fill()
        await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] * 2
        library.opened.set()
        await eventually(all_places_are_free)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a niceness per thread")
async def test_threads_that_hash_have_a_lower_priority_than_the_event_loop() -> None:
    hasher = argon2_hasher()
    recorder = record_argon2(hasher)
    await hasher.verify(None, PASSWORD)
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    [thread_id] = recorder.thread_ids
    assert os.getpriority(os.PRIO_PROCESS, thread_id) == min(own + NICENESS, 19)


def test_the_priority_is_unchanged_where_it_would_apply_to_the_whole_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changes: list[int] = []
    monkeypatch.setattr(os, "nice", changes.append)
    monkeypatch.setattr(sys, "platform", "darwin")

    lower_priority()

    assert changes == []
