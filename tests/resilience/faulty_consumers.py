"""Faulty consumers, added to a rendered service the way its owner adds a consumer."""

from pathlib import Path

# Two functions: the dispatcher claims their messages. Two use cases, which claim nothing.
CONSUMERS = '''"""Consumers with faults, made for tests."""

import os
import signal

import structlog
from pydantic import BaseModel

from src.consumers.subscription import Subscription, UseCaseSubscription
from src.usecases.faulty import Hang, WorkSlowly
from src.usecases.ports.unit_of_work import UnitOfWork

log = structlog.get_logger()


class TestV1(BaseModel):
    """An event without data."""


async def raise_error(event: TestV1, uow: UnitOfWork) -> None:
    log.info("tried")
    raise ValueError("on purpose")


async def kill_worker(event: TestV1, uow: UnitOfWork) -> None:
    log.info("tried")
    os.kill(os.getpid(), signal.SIGKILL)


raises = Subscription("test.raises.v1", TestV1, raise_error)
kills = Subscription("test.kills.v1", TestV1, kill_worker)
hangs = UseCaseSubscription("test.hangs.v1", TestV1, Hang)
slow = UseCaseSubscription("test.slow.v1", TestV1, WorkSlowly)
'''
USE_CASES = '''"""Use cases that take long, made for tests."""

import asyncio
from uuid import UUID

import structlog

log = structlog.get_logger()


class Hang:
    async def execute(self, *, event_id: UUID, event: object) -> None:
        log.info("tried")
        await asyncio.sleep(3600)


class WorkSlowly:
    async def execute(self, *, event_id: UUID, event: object) -> None:
        log.info("tried")
        await asyncio.sleep(0.5)
        log.info("finished")
'''


def event_type(fault: str) -> str:
    """Return the type of the events for the consumer with this fault."""
    return f"test.{fault}.v1"


def add_consumers(service: Path) -> None:
    """Write the consumers and their use cases. The service finds them: there is no list."""
    (service / "src/consumers/faulty.py").write_text(CONSUMERS, encoding="utf-8")
    (service / "src/usecases/faulty.py").write_text(USE_CASES, encoding="utf-8")
